"""Who imports whom: downwards only, never sideways; and importing costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from conftest import ROOT

LEVELS = [
    [
        "contract",
        "image_files",
        "recipes",
        "card",
        "pretrained",
        "muon",
        "synced",
        "machine",
        "worker",
        "guard",
        "asked",
    ],
    ["windows", "scales", "holes", "sources", "metrics", "networks", "checkpoint", "photo", "space"],
    [
        "classical",
        "context_encoder",
        "semantics",
        "data",
        "run_folder",
        "updates",
        "masks",
        "folded",
        "history",
        "launch",
    ],
    ["inference", "detail", "export", "evaluation", "averaging", "streaming", "iteration", "estimate"],
    ["hub", "methods"],
    ["comparison"],
    ["report"],
    ["cli", "editing"],
    ["filler", "wording"],
]
LEVEL = {name: number for number, names in enumerate(LEVELS) for name in names}
ONLY_IN = {
    "gradio": {"app"},
    "argparse": {"app", "cli", "train_accelerate"},
    "accelerate": {"train_accelerate"},
    "datasets": {"sources", "streaming"},
    "fsspec": {"sources"},
    "cv2": {"classical"},
    "patchmatch": {"classical"},
    "matplotlib": {"history", "report"},
    "skimage": {"classical", "metrics"},
    "spaces": {"filler"},
}
SOURCES = {path.stem: path for path in [*ROOT.glob("inpaint_hub/*.py"), *ROOT.glob("*.py")]} | {
    "pretrained": ROOT / "inpaint_hub/pretrained/__init__.py"
}


def imports(name: str) -> set[str]:
    """Every module that a source file imports anywhere, ours as "inpaint_hub.<name>"."""
    found = set()
    for node in ast.walk(ast.parse(SOURCES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = "inpaint_hub" + (f".{node.module}" if node.module else "") if node.level else str(node.module)
            found |= {f"{home}.{alias.name}" for alias in node.names} if home == "inpaint_hub" else {home}
    return found


def test_every_module_has_a_level() -> None:
    assert set(LEVEL) | {"__init__", "app", "train_accelerate"} == set(SOURCES)


@pytest.mark.parametrize("name", LEVEL)
def test_modules_import_downwards_only(name: str) -> None:
    ours = {module.split(".")[1] for module in imports(name) if module.startswith("inpaint_hub.")}
    assert all(LEVEL[other] < LEVEL[name] for other in ours & set(LEVEL)), f"{name} imports {ours}"


@pytest.mark.parametrize("library", ONLY_IN)
def test_heavy_libraries_stay_in_their_rooms(library: str) -> None:
    users = {name for name in SOURCES if any(module.split(".")[0] == library for module in imports(name))}
    assert users <= ONLY_IN[library]


def test_importing_the_package_loads_nothing_and_inference_needs_no_training_library() -> None:
    code = (
        "import sys, inpaint_hub, inpaint_hub.methods; assert 'torch' not in sys.modules, 'torch';"
        "from inpaint_hub import Inpainter, Generator, Discriminator;"
        "heavy = {'accelerate', 'datasets', 'gradio', 'skimage', 'cv2', 'matplotlib', 'torchvision'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
