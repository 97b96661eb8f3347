"""Every command, snippet, flag, link and signature in README.md, CONTRIBUTING.md and docs/ is real."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from page_server import served
from paths import ROOT
from PIL import Image

import inpaint_hub
from inpaint_hub import METHODS, Discriminator, Generator, Inpainter, cli
from inpaint_hub.methods import DEFAULT
from inpaint_hub.pretrained import shipped
from inpaint_hub.training.arguments import parse_args
from inpaint_hub.training.recipes import PRESETS

README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}
PAGE = "http://127.0.0.1:7860"  # that some snippets call


def blocks(text: str, *languages: str) -> list[str]:
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


class Command(NamedTuple):
    """A command of a shell block, and the output that is shown after it."""

    document: str
    line: str
    output: str


def commands() -> list[Command]:
    """All commands; in a console block those after $, in an sh block every line."""
    found = []
    for name, text in TEXT.items():
        for block in blocks(text, "console"):
            for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                line, _, output = step.replace("\\\n", "").partition("\n")
                found.append(Command(name, line, output))
        for block in blocks(text, "sh"):
            lines = (line for line in block.replace("\\\n", "").splitlines() if line and not line.startswith("#"))
            found += [Command(name, line, "") for line in lines]
    return found


@pytest.fixture
def workplace(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents name, as the current one."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for folder in ("path/to/images", "photos", "masks"):
        (tmp_path / folder).mkdir(parents=True)
    for path in pictures.iterdir():
        with Image.open(path) as picture:
            picture.resize((80, 72)).save(tmp_path / "path/to/images" / path.name)
    for name in ("cat.jpg", "desk-plant.jpg"):
        shutil.copy(ROOT / "examples" / name, tmp_path / "photos")
        with Image.open(ROOT / "examples" / name) as photo:
            mask = Image.new("L", photo.size)
        mask.paste(255, (100, 100, 160, 160))
        mask.save(tmp_path / "masks" / Path(name).with_suffix(".png"))
    for photo, mask_of in (("cat.jpg", "mask.png"), ("photo.jpg", "watermark.png")):
        shutil.copy(tmp_path / "photos/cat.jpg", tmp_path / photo)
        shutil.copy(tmp_path / "masks/cat.png", tmp_path / mask_of)
    (tmp_path / "runs/photos").mkdir(parents=True)
    (tmp_path / "runs/photos/recipe.json").write_text(json.dumps(PRESETS["photos"].to_dict()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("document", [name for name, text in TEXT.items() if blocks(text, "python")])
def test_python_blocks_run_one_after_the_other(document: str) -> None:
    names: dict[str, Any] = {}
    for block in blocks(TEXT[document], "python"):
        if PAGE not in block:
            exec(compile(block, document, "exec"), names)


@pytest.mark.slow
@pytest.mark.usefixtures("workplace")
def test_snippets_that_call_the_page_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("gradio", reason="the page needs gradio")
    snippets = [block for text in TEXT.values() for block in blocks(text, "python") if PAGE in block]
    assert snippets
    with served(tmp_path_factory.mktemp("page"), {}) as page:
        for snippet in snippets:
            names: dict[str, Any] = {}
            exec(snippet.replace(PAGE, page.url), names)
            assert Path(names["filled"]).is_file()


def test_the_error_that_the_readme_shows_is_the_one_that_is_raised() -> None:
    (session,) = blocks(TEXT["README.md"], "pycon")
    (call,), (message,) = (
        re.findall(r"^>>> (.*)", session),
        re.findall(r"^ValueError: (.*)", session, flags=re.MULTILINE),
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        eval(call, {"inpainter": Inpainter.from_pretrained("cifar10"), "Image": Image})


def run_ours(command: Command, words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """Run inpaint-hub; what would be sent to the Hub is only parsed."""
    if words[0] == "space" and "--dry_run" not in words:
        monkeypatch.setattr(cli, "space", lambda args: 0)
    status = cli.main([word.replace("$SLURM_ARRAY_TASK_ID", "1") for word in words])
    if command.output:
        assert capfd.readouterr().out == command.output.replace("by guided", f"by {DEFAULT}")
    assert status == 0


def parse_training(flags: list[str]) -> None:
    """Parse the flags of train_accelerate.py, which a launcher starts."""
    if "--help" in flags:
        with pytest.raises(SystemExit, match="0"):
            parse_args(flags)
    else:
        parse_args(flags)


def check(command: Command, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """Run a command, or, where it serves, trains or installs, check its words."""
    words = shlex.split(command.line, comments=True)
    for script in ("train_accelerate.py", "examples/train.slurm"):
        if script in words:
            parse_training(words[words.index(script) + 1 :])
            return
    match words:
        case ["inpaint-hub", *rest]:
            run_ours(command, rest, monkeypatch, capfd)
        case ["python", "app.py", *flags]:
            app = pytest.importorskip("app")
            monkeypatch.setattr(sys, "argv", ["app.py", *flags])
            app.parse_args()
        case ["python", script, *flags]:
            source = (ROOT / script).read_text(encoding="utf-8")
            assert not [flag for flag in flags if flag.startswith("--") and f'"{flag}"' not in source]
        case ["make", *rest]:
            subprocess.run(["make", "-n", "-C", ROOT, *rest], check=True, capture_output=True)
        case ["pip", "install", what]:
            extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
            assert what == "." or set(what.removeprefix(".[").removesuffix("]").split(",")) <= set(extras)
        case ["git", "clone", *_] | ["cd", _] | ["hf", "auth", "login"]:
            pass
        case _:
            pytest.fail(f"{command.document} has a command that no test knows: {command.line}")


def as_case(command: Command) -> Any:
    heavy = re.match(r"inpaint-hub (compare|export)|make|python app", command.line)
    return pytest.param(command, id=f"{command.document}: {command.line[:50]}", marks=[pytest.mark.slow] * bool(heavy))


@pytest.mark.parametrize("command", [as_case(command) for command in commands()])
def test_commands_run_and_print_what_is_shown(
    command: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    check(command, monkeypatch, capfd)


def test_flags_in_the_text_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_args(["--help"])
    for command in ("fill", "compare", "export", "space"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
    sources = [ROOT / "app.py", *ROOT.glob("benchmarks/*.py")]
    known = capsys.readouterr().out + "".join(path.read_text(encoding="utf-8") for path in sources)
    known += "--array --cpus-per-task --mem --ntasks-per-node --nodes"  # Slurm's
    known += "--nproc_per_node --nnodes --rdzv_backend --rdzv_endpoint --flavor --timeout --secrets"  # torchrun's, hf's
    limits = re.findall(r'"(\w+)": \(\d', (ROOT / "app.py").read_text(encoding="utf-8"))
    flags = {flag for text in TEXT.values() for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", text)}
    assert not [flag for flag in flags if flag not in known and flag[2:] not in limits]


@pytest.mark.parametrize("document", TEXT)
def test_links_and_pictures_exist(document: str) -> None:
    folder = (ROOT / document).parent
    text = re.sub(r"^```.*?^```|`[^`\n]+`", "", TEXT[document], flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#]+?)(?:#[\w-]+)?\)", text)
    local = [target for target in targets if not re.match(r"https?:", target)]
    assert not [target for target in local if not (folder / target).exists()]


def test_files_in_code_style_exist() -> None:
    """Names with a slash or an ending of ours are files of this repository, of the package, or shown in a block."""
    layout = TEXT["README.md"].split("## Project layout")[1]
    named = re.findall(r"`([\w./-]+(?:/|\.py|\.md))`", layout)
    named += re.findall(r"`((?:inpaint_hub|tests|benchmarks)/[\w./-]+)`", "".join(TEXT.values()))
    assert len(named) > 20
    assert not [name for name in named if not (ROOT / name).exists()]


def test_readme_is_short_and_its_pictures_small() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200
    assert all(path.stat().st_size < 2_000_000 for path in (ROOT / "docs/images").iterdir())


def test_readme_names_every_shipped_model_with_its_card() -> None:
    table = TEXT["README.md"].split("## Pretrained models")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| \[`([\w-]+)`\]", table, flags=re.MULTILINE)) == set(shipped())


def test_methods_in_the_text_exist() -> None:
    named = [name for text in TEXT.values() for name in re.findall(r'method="([\w-]+)"', text)]
    assert named
    assert set(named) <= set(METHODS)


# docs/python.md against the code.

INSTANCES = {"inpainter": Inpainter, "generator": Generator, "discriminator": Discriminator}
API = TEXT["docs/python.md"]


class Section(NamedTuple):
    """A heading with a signature, and the text below it."""

    name: str
    arguments: str
    text: str


def sections() -> list[Section]:
    parts = re.split(r"^#{2,3} `([\w.]+)\((.*)\)`$", API, flags=re.MULTILINE)
    return [Section(*parts[start : start + 3]) for start in range(1, len(parts), 3)]


def documented(name: str) -> Callable[..., Any]:
    """What a heading is about; an object's name in lower case stands for the object itself."""
    first, _, rest = name.partition(".")
    if first not in INSTANCES:
        owner = getattr(inpaint_hub, first)
        return getattr(owner, rest) if rest else owner
    kind: Any = INSTANCES[first]
    return getattr(kind, rest or ("forward" if hasattr(kind, "forward") else "__call__"))


def described(parameters: list[inspect.Parameter]) -> list[tuple[str, Any, Any]]:
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.name)
def test_python_api_has_the_signature_of_the_code(section: Section) -> None:
    function = documented(section.name)
    real = [parameter for name, parameter in inspect.signature(function).parameters.items() if name != "self"]
    scope: dict[str, Any] = {}
    exec(f"def f({section.arguments.replace('guided', DEFAULT)}): ...", scope)
    assert described([*inspect.signature(scope["f"]).parameters.values()]) == described(real)


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.name)
def test_python_api_explains_every_argument_and_no_other(section: Section) -> None:
    text = section.text.split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)
    scope: dict[str, Any] = {}
    exec(f"def f({section.arguments}): ...", scope)
    names = list(inspect.signature(scope["f"]).parameters)
    assert rows == names or (not rows and (all(f"`{name}`" in text for name in names) or "of huggingface_hub" in text))


def test_python_api_has_every_public_name() -> None:
    assert {section.name.partition(".")[0] for section in sections()} | {"METHODS"} >= set(inpaint_hub.__all__)
    assert "## `METHODS`" in API
    table = re.findall(r"^\| `([\w-]+)` \|", API.split("## `METHODS`")[1].split("\n## ")[0], flags=re.MULTILINE)
    assert table == [name for name in METHODS if name not in shipped()]


@pytest.mark.parametrize("name", ["fill", "Inpainter", "Generator", "Discriminator"])
def test_public_names_have_docstrings(name: str) -> None:
    assert inspect.getdoc(getattr(inpaint_hub, name))


def test_design_names_modules_tables_and_tests_that_exist() -> None:
    """The tables and functions in code style are names of our sources."""
    text = TEXT["docs/design.md"]
    sources = {
        node.id if isinstance(node, ast.Name) else node.name
        for path in ROOT.glob("inpaint_hub/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Name, ast.FunctionDef, ast.ClassDef))
    }
    named = set(re.findall(r"`([A-Z][A-Za-z_]+)`", text)) - {"MODEL", "NAME"}
    assert {"CLASSICAL", "RECONSTRUCTION_LOSSES", "ADVERSARIAL_LOSSES", "KINDS", "FORMATS", "METRICS"} <= named
    assert not [name for name in named if name not in sources and name != "ValueError"]
