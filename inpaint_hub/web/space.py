"""A Space that shows the page with a model: which files it has, and what is in them. Sends nothing."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from ..models import model_card
from ..pretrained import shipped

GRADIO = "6.31.0"  # the version that was tested, as in constraints.txt; a Space installs it by its front matter
PYTHON = "3.12"  # what ZeroGPU has of those that every method's library supports
OURS = (".py", ".typed", ".json", ".safetensors", ".md", ".png", ".html", ".css", ".js")  # the package's files
_PACKAGE = Path(__file__).parents[1]

README = """\
---
title: Inpaint Hub
emoji: 🖌️
colorFrom: green
colorTo: gray
sdk: gradio
sdk_version: {gradio}
python_version: "{python}"
app_file: app.py
short_description: Brush over whatever should go from a photo
license: apache-2.0
{models}---
# Inpaint Hub

Open a photo, brush over whatever should go, press **Fill**. It fills with {model} unless a visitor chooses another
method.

`inpaint-hub space` wrote all files here, and overwrites them; `inpaint_hub/` is its own code. The code is
Apache-2.0; the networks in `inpaint_hub/pretrained/` have the terms that their cards state. Set the limits of the page
as variables of this Space, `INPAINT_QUEUE` say; `page.py` lists them.
"""
APP = '''\
"""This Space's page: page.py, which fills with the model named here. Written by `inpaint-hub space`."""

import os

os.environ.setdefault("INPAINT_MODEL", "{model}")
os.environ.setdefault("INPAINT_QUEUE_SHARE", "0")  # a Space does not see its visitors' addresses

from page import main

main()
'''


def files(model: str) -> dict[str, bytes | Path]:
    """Return the files of a Space whose page fills with a model. They hold this package as it is.

    Args:
        model: A shipped name, or "owner/model" on the Hub.

    Returns:
        For each file's name its bytes, or a file that holds them.

    Raises:
        ValueError: `model` is neither.
    """
    on_the_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", model)
    if not on_the_hub and model not in shipped():
        raise ValueError(
            f"a Space takes a model from the Hub, owner/model, or {', '.join(shipped())}; {model!r} is none"
        )
    named = f"[{model}](https://huggingface.co/{model})" if on_the_hub else f"`{model}`"
    models = f"models:\n- {model}\n" if on_the_hub else ""
    installed = _PACKAGE / "page"
    page = installed if installed.is_dir() else _PACKAGE.parent  # a checkout
    examples = [*sorted((page / "examples").glob("*.jpg")), page / "examples/README.md", page / "examples/strokes.json"]
    parts = [path for path in sorted(_PACKAGE.rglob("*")) if path.suffix in OURS and installed not in path.parents]
    return {
        "README.md": README.format(gradio=GRADIO, python=PYTHON, models=models, model=named).encode(),
        "requirements.txt": "".join(f"{line}\n" for line in requirements()).encode(),
        "app.py": APP.format(model=model).encode(),
        "page.py": page / "app.py",
        "LICENSE": page / "LICENSE",
        **{f"examples/{path.name}": path for path in examples},
        **{f"inpaint_hub/{path.relative_to(_PACKAGE).as_posix()}": path for path in parts},
        "inpaint_hub/model_card.md": model_card.template().encode(),
    }


def requirements() -> list[str]:
    """Return what pip is to install for the page: what this package declares for it, but Gradio, which a Space has."""
    wanted = []
    for line in metadata.requires("inpaint-hub") or []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra == ['\"](\w+)", marker)
        wanted_here = extra is None or extra[1] in ("app", "compare")
        if wanted_here and not requirement.startswith(("inpaint-hub", "gradio")):
            rest = re.sub(r"(?: and )?extra == ['\"]\w+['\"]", "", marker).strip()
            wanted.append(requirement.strip() + (f"; {rest}" if rest else ""))
    return wanted
