"""The methods that fill holes, by name in `registry`. Importing this costs nothing."""

from importlib.util import find_spec

# By eye the best on photos; the library it needs comes with the extra compare, and needs Python 3.11.
DEFAULT = "guided" if find_spec("patchmatch") else "telea"
