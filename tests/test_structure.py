"""Who imports whom: downwards only, and in no circle; and importing costs nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from paths import ROOT

# A room is a package or a single module; it imports from itself, and from rooms of lower floors. First the lowest.
FLOORS = [
    ["imaging", "metrics", "extras", "files", "flags", "hardware", "standard_streams", "worker", "pretrained"],
    ["data", "models"],
    ["training", "methods", "hub", "export"],
    ["evaluation", "web", "batch", "inpaint_hub"],  # inpaint_hub: the public names of __init__.py
    ["publishing"],
    ["cli", "app", "train_accelerate", "benchmarks"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ONLY_IN = {
    "gradio": {f"inpaint_hub.web.{name}" for name in ("blocks", "endpoints", "page", "page_events")},
    "argparse": {"app", "train_accelerate", "inpaint_hub.cli", "inpaint_hub.flags"}
    | {f"inpaint_hub.training.{name}" for name in ("arguments", "build", "run")},
    "accelerate": {"train_accelerate"},
    "datasets": {"inpaint_hub.data.sources", "inpaint_hub.data.streaming"},
    "fsspec": {"inpaint_hub.data.sources"},
    "cv2": {"inpaint_hub.methods.classical", "inpaint_hub.imaging.deep_color", "inpaint_hub.web.selection"},
    "patchmatch": {"inpaint_hub.methods.classical"},
    "matplotlib": {"inpaint_hub.training.history", "inpaint_hub.evaluation.report"},
    "skimage": {"inpaint_hub.methods.classical", "inpaint_hub.methods.faces", "inpaint_hub.metrics"},
    "spaces": {"inpaint_hub.web.worker_pool"},
}


def module_name(path: Path) -> str:
    """As Python imports it from the root: inpaint_hub/data/__init__.py is inpaint_hub.data."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {
    module_name(path): path
    for path in [*ROOT.glob("inpaint_hub/**/*.py"), *ROOT.glob("*.py"), *ROOT.glob("benchmarks/*.py")]
}
OUR_PACKAGE = [name for name in SOURCES if name.startswith("inpaint_hub")]


def room_of(module: str) -> str:
    """The part below inpaint_hub, or what stands beside it: inpaint_hub.data.holes is in data."""
    parts = module.split(".")
    return parts[1] if parts[0] == "inpaint_hub" and len(parts) > 1 else parts[0]


def imports(name: str) -> set[str]:
    """Every module that a source file imports anywhere, by its full name."""
    package = name.split(".") if SOURCES[name].name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(SOURCES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            home = ".".join([*above, *filter(None, [node.module])])
            found |= {full if (full := f"{home}.{alias.name}") in SOURCES else home for alias in node.names}
    return found


def test_every_room_is_on_a_floor() -> None:
    assert {room_of(name) for name in SOURCES} == set(FLOOR)


@pytest.mark.parametrize("name", SOURCES)
def test_modules_import_from_their_own_room_and_from_lower_floors_only(name: str) -> None:
    room = room_of(name)
    others = {room_of(module) for module in imports(name)} & set(FLOOR) - {room}
    assert not [other for other in others if FLOOR[other] >= FLOOR[room]]


def test_no_module_imports_itself_in_a_circle() -> None:
    TopologicalSorter({name: imports(name) & set(OUR_PACKAGE) for name in OUR_PACKAGE}).prepare()


def test_the_map_for_contributors_has_a_line_for_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert not [room for room in FLOOR if not re.search(rf"`{room}(/|\.py)", text)]


@pytest.mark.parametrize("library", ONLY_IN)
def test_heavy_libraries_stay_in_their_modules(library: str) -> None:
    users = {name for name in SOURCES if any(module.split(".")[0] == library for module in imports(name))}
    assert {name for name in users if room_of(name) != "benchmarks"} <= ONLY_IN[library]


def test_importing_the_package_loads_nothing_and_inference_needs_no_training_library() -> None:
    code = (
        "import sys, inpaint_hub, inpaint_hub.methods; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules);"
        "import inpaint_hub.methods.registry; assert 'torch' not in sys.modules, 'torch';"
        "from inpaint_hub import Inpainter, Generator, Discriminator;"
        "heavy = {'accelerate', 'datasets', 'gradio', 'skimage', 'cv2', 'matplotlib', 'torchvision'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_every_module_can_be_imported_where_unix_modules_are_missing() -> None:
    """As on Windows."""
    code = (
        "import importlib, os, pkgutil, signal, sys; sys.modules |= {'fcntl': None, 'resource': None};"
        "del signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD, signal.pthread_sigmask;"
        "os.__dict__.pop('sched_getaffinity', None);"
        "import inpaint_hub; found = pkgutil.walk_packages(inpaint_hub.__path__, 'inpaint_hub.');"
        "[importlib.import_module(name) for name in [*(module.name for module in found), 'train_accelerate', 'app']]"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, cwd=ROOT)
