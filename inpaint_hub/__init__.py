"""Fill holes in images with the GAN of the paper "Image Inpainting using GANs".

>>> from inpaint_hub import Inpainter
>>> result = Inpainter.from_pretrained("cifar10")(image, mask)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .methods.inpainter import Inpainter
    from .methods.registry import METHODS, fill
    from .models.networks import Discriminator, Generator

__version__ = "0.1.0"
__all__ = ["METHODS", "Discriminator", "Generator", "Inpainter", "fill"]

_HOMES = {
    "Inpainter": ".methods.inpainter",
    "Generator": ".models.networks",
    "Discriminator": ".models.networks",
    "METHODS": ".methods.registry",
    "fill": ".methods.registry",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for, so that `import inpaint_hub` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
