"""What the page says, in a layman's words, and what it calls the methods. Knows no Gradio."""

from __future__ import annotations

from pathlib import Path

from ..methods.registry import METHODS
from .photo_edit import Filled

OWN = "own"  # how the page's own model is chosen; a folder's path is nobody else's business

TITLE = "Inpaint Hub"
WHAT_TO_DO = "Open or paste a photo, brush over whatever should go, and press **Fill**."
NOT_TAKEN = "What came cannot be read: give uploads of pictures, as gradio_client's handle_file makes them."
IN_BROWSERS = "This is done in browsers alone."
NO_PHOTO = "There is no photo yet: open one, paste one, or pick an example."
NO_EXAMPLE = "There is no such example."
NO_BEFORE = "There is nothing to go back to: this is the photo that you opened."
NO_RESULT = "There is no result to go on from yet: press Fill first."
WORDS = {  # what a layman reads, in a line on a phone; a method that is not here goes by its name
    "telea": "Smooth: scratches, text (Telea)",
    "navier-stokes": "Smooth, in lines (Navier–Stokes)",
    "biharmonic": "Small spots, slow (biharmonic)",
    "patchmatch": "Grass, walls, sky (PatchMatch)",
    "guided": "Best for photos (guided)",
    "cifar10": "Network: tiny pictures (cifar10)",
    "context-encoder": "Older network (context-encoder)",
    "faces": "Network: faces (faces)",
    "flowers": "Network: flowers (flowers)",
    "scenes": "Network: landscapes (scenes)",
}
NO_WEBGL = (
    "This browser cannot show the brush, which needs WebGL. Give a mask instead, under **More choices**:"
    " a picture of the photo's size that is white where it should be filled."
)
MADE_UP = "What is filled is made up. Do not take it for evidence."
PROGRAMS = """\
Two endpoints answer, `/fill` and `/compare`. White in the mask is filled. With `pip install gradio_client`:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")  # this page's address
shown, filled, said = client.predict(
    photo=handle_file("photo.jpg"), mask=handle_file("mask.png"), method="telea", api_name="/fill"
)
pictures, said = client.predict(photo=handle_file("photo.jpg"), mask=handle_file("mask.png"), api_name="/compare")
```

`filled` is the file, in the photo's format; `file_format="png"` gives a PNG, `grow_px=4` grows the hole, and
`model="owner/model"` takes a model from the Hugging Face Hub. Methods: {methods}. Errors are sentences."""


def told(filled: Filled, method: str) -> str:
    """What the page says of a result; `method` in a layman's words."""
    notes = "".join(f"\n- {note}" for note in filled.notes)
    return f"{filled.pixels:,} pixels filled in {filled.seconds:.1f} s. Method: {method}. {MADE_UP}{notes}"


def choices(model: str) -> list[tuple[str, str]]:
    """What a visitor reads, and the method that it means; the page's own model first if it is not shipped."""
    own = [] if model in METHODS else [(f"This page's own network ({Path(model).name})", OWN)]
    return own + [(WORDS.get(name, name), name) for name in METHODS]


def chosen_at_first(model: str) -> str:
    """The method that stands in the list before a visitor chooses."""
    return model if model in METHODS else OWN
