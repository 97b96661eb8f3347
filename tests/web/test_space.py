"""The Space: what goes there, how it gets there, and that it runs from there."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
from hub_server import USER, HubServer
from huggingface_hub import SpaceCard
from paths import ROOT
from PIL import Image

from inpaint_hub import Inpainter
from inpaint_hub.web.space import GRADIO, files, requirements

SPACE, MODEL = f"{USER}/demo", f"{USER}/model"
PATIENCE_S = 240


@pytest.fixture
def server(inpainter: Inpainter, tmp_path: Path) -> Iterator[HubServer]:
    """A Hub with a model."""
    inpainter.generator.save_pretrained(tmp_path / "model")
    with HubServer() as server:
        server.add(MODEL, files={path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()})
        yield server


def command(server: HubServer, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`inpaint-hub space` with these arguments, where the Hub is `server`."""
    return subprocess.run(
        [sys.executable, "-m", "inpaint_hub.cli", "space", *arguments],
        cwd=ROOT,
        env=server.environment(home) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_the_space_installs_what_the_package_declares_for_the_page() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = {*project["dependencies"], *extras["compare"], *extras["app"]}
    declared = {line for line in declared if not line.startswith(("gradio", "inpaint-hub"))}

    def name(line: str) -> str:
        return re.split(r"[<>=;]", line)[0].lower()

    assert {name(line) for line in requirements()} == {name(line) for line in declared}
    assert any(re.fullmatch(r"pypatchmatch>=[\d.]+; \(?python_version >= .3\.11.\)?", line) for line in requirements())
    assert f"gradio=={GRADIO}\n" in (ROOT / "constraints.txt").read_text()


def test_its_card_names_the_model_and_the_files_to_run() -> None:
    wanted = files(MODEL)
    card = SpaceCard(bytes(wanted["README.md"]).decode())
    assert card.data.sdk == "gradio"
    assert card.data.models == [MODEL]
    assert card.data.app_file in wanted
    assert SpaceCard(bytes(files("faces")["README.md"]).decode()).data.models is None


def test_every_module_and_every_shipped_model_goes_there_and_nothing_else() -> None:
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "inpaint_hub"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = {name for name in files(MODEL) if name.startswith("inpaint_hub/")}
    assert found == {*listed, "inpaint_hub/model_card.md"}


def test_a_dry_run_shows_every_file_and_sends_nothing(server: HubServer, tmp_path: Path) -> None:
    done = command(server, tmp_path / "home", SPACE, "--model", MODEL, "--dry_run")
    assert done.returncode == 0
    assert all(f"{name}: " in done.stdout for name in files(MODEL))
    assert bytes(files(MODEL)["app.py"]).decode() in done.stdout
    assert server.requests == []


def test_the_command_makes_the_space_and_the_same_again_sends_nothing(server: HubServer, tmp_path: Path) -> None:
    done = command(server, tmp_path / "home", SPACE, "--model", MODEL)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{server.url}/spaces/{SPACE}: {len(files(MODEL))} files are there\n"
    there = server.files(f"spaces/{SPACE}")
    there.pop(".gitattributes")
    assert there == {
        name: data if isinstance(data, bytes) else data.read_bytes() for name, data in files(MODEL).items()
    }
    commits = server.commits(f"spaces/{SPACE}")
    assert len(commits) == 2, "one by the Hub, one by us: each builds the Space"
    again = command(server, tmp_path / "home", SPACE, "--model", MODEL)
    assert again.stdout == f"{server.url}/spaces/{SPACE}: nothing to send, all is there\n"
    assert server.commits(f"spaces/{SPACE}") == commits


def test_an_older_versions_modules_go_and_what_the_owner_added_stays(server: HubServer, tmp_path: Path) -> None:
    older = {"app.py": b"", "inpaint_hub/__init__.py": b"", "inpaint_hub/gone.py": b"", "packages.txt": b"git"}
    server.add(f"spaces/{SPACE}", files=older)
    assert command(server, tmp_path / "home", SPACE, "--model", MODEL).returncode == 0
    there = server.files(f"spaces/{SPACE}")
    assert "inpaint_hub/gone.py" not in there
    assert there["packages.txt"] == b"git"
    assert there["app.py"] == files(MODEL)["app.py"]


@pytest.mark.parametrize(
    ("space", "model", "sentence"),
    [
        (f"{USER}/taken", MODEL, "runs another program"),
        ("stranger/demo", MODEL, "does not let this token write to the Space stranger/demo"),
        (SPACE, f"{USER}/private", f"{USER}/private cannot be had from the Hub: no such public model"),
        (SPACE, f"{USER}/other", f"{USER}/other has no config.json and no model.safetensors"),
        (SPACE, "runs", "'runs' is none"),
    ],
)
def test_what_would_not_run_or_is_not_ours_is_refused_and_nothing_is_sent(
    server: HubServer, tmp_path: Path, space: str, model: str, sentence: str
) -> None:
    server.add(f"spaces/{USER}/taken", files={"app.py": b"print('mine')"})
    server.add(f"{USER}/private", files={"config.json": b"{}"}, private=True)
    server.add(f"{USER}/other", files={"weights.bin": b""})
    before = {name: server.commits(name) for name in server.repos}
    done = command(server, tmp_path / "home", space, "--model", model)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert {name: server.commits(name) for name in server.repos} == before


def test_a_hub_that_cannot_be_reached_is_told_in_a_sentence(server: HubServer, tmp_path: Path) -> None:
    with server.gone():
        done = command(server, tmp_path / "home", SPACE, "--model", "faces")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be reached" in done.stderr


@pytest.mark.slow
def test_an_installed_package_sends_the_same_files(tmp_path: Path) -> None:
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(ROOT)]
    subprocess.run(pip, check=True)
    code = (
        "import json; from hashlib import sha256; from inpaint_hub.web.space import files\n"
        "def content(data): return data if isinstance(data, bytes) else data.read_bytes()\n"
        "print(json.dumps({name: sha256(content(data)).hexdigest() for name, data in files('faces').items()}))"
    )
    seen = [
        subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True).stdout
        for place in (target, ROOT)
    ]
    assert json.loads(seen[0]) == json.loads(seen[1])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_the_command_sent_runs_from_nothing_and_fills(
    server: HubServer, inpainter: Inpainter, tmp_path: Path
) -> None:
    """As a Space is built: its requirements and its Gradio in a fresh environment, then its app.py from its folder."""
    from gradio_client import Client, handle_file

    home, folder = tmp_path / "home", tmp_path / "space"
    assert command(server, home, SPACE, "--model", MODEL).returncode == 0
    for name, data in server.files(f"spaces/{SPACE}").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    python = tmp_path / "fresh/bin/python"
    gradio = SpaceCard.load(folder / "README.md").data.sdk_version
    given = ["-r", str(folder / "requirements.txt"), f"gradio=={gradio}", "spaces"]  # what the Hub's builder installs
    pip = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, *given], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(tmp_path / "uploads")}
    environment = server.environment(tmp_path / "another home") | settings
    with (tmp_path / "log").open("w") as log:
        page = subprocess.Popen([python, "app.py"], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                urlopen(f"http://127.0.0.1:{port}", timeout=PATIENCE_S).close()
                break
            except URLError:
                assert page.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.2)
        photo, hole = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8), np.zeros((40, 60), bool)
        hole[10:20, 20:30] = True
        Image.fromarray(photo).save(tmp_path / "photo.png")
        Image.fromarray(hole).save(tmp_path / "mask.png")
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        given = {name: handle_file(tmp_path / f"{name}.png") for name in ("photo", "mask")}
        _, filled, _ = client.predict(**given, method="own", api_name="/fill")
        _, default, _ = client.predict(**given, api_name="/fill")
        client.close()
    finally:
        page.terminate()
        page.wait(PATIENCE_S)
        shutil.rmtree(tmp_path / "fresh")  # gigabytes
    with Image.open(filled) as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(inpainter(Image.fromarray(photo), hole)))
    assert Path(default).name == "photo.png"
    assert f"GET /{MODEL}/resolve/" in " ".join(server.requests)


def test_a_space_without_an_owner_is_the_tokens_owners(server: HubServer, tmp_path: Path) -> None:
    done = command(server, tmp_path, "demo", "--model", "cifar10")
    assert (done.returncode, done.stderr) == (0, "")
    assert "app.py" in server.files(f"spaces/{SPACE}")


@pytest.mark.parametrize("more", [[], ["--dry_run"]])
def test_what_is_no_name_of_a_space_is_refused_before_anything_is_sent(
    server: HubServer, tmp_path: Path, more: list[str]
) -> None:
    before = len(server.requests)
    done = command(server, tmp_path, "my demo", "--model", "cifar10", *more)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "inpaint-hub: 'my demo' is no name for a Space on the Hub; give owner/name, of letters"
    )
    assert len(server.requests) == before
