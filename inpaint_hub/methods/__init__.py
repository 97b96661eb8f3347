"""The methods that fill holes, by name in `registry`. Importing this costs nothing."""

from importlib.util import find_spec

from ..pretrained import shipped

FROM_LIBRARIES = TELEA, NAVIER_STOKES, BIHARMONIC, PATCHMATCH, GUIDED = (
    "telea", "navier-stokes", "biharmonic", "patchmatch", "guided",
)  # fmt: skip
NAMES = (*FROM_LIBRARIES, *shipped())

# By eye the best on photos; the library it needs comes with the extra compare, and needs Python 3.11.
DEFAULT = GUIDED if find_spec("patchmatch") else TELEA
