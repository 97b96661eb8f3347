"""The way through the Hub and back: the real client against a real server on the loopback interface.

The client reads HF_ENDPOINT and its other settings when it is imported. So whatever talks to the Hub here is a
plain function, called in a process of its own that was started with those settings; see `client_process`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from hub_server import TOKEN, USER, File, HubServer
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from PIL import Image
from safetensors.torch import load, save

from inpaint_hub import Discriminator, Generator, Inpainter, hub
from inpaint_hub.data.dataset import split_images
from inpaint_hub.data.sources import DatasetConfig
from inpaint_hub.data.sources import load as load_source
from inpaint_hub.data.streaming import Stream, stream_images
from inpaint_hub.models.context_encoder import ContextEncoder
from inpaint_hub.models.feature_discriminator import FeatureDiscriminator
from inpaint_hub.models.hub_model import HubModel

Client = Callable[..., Any]
FILL_COLOR = (0.4914, 0.4822, 0.4465)  # no binary fractions: JSON has to give back what went in
MODEL = f"{USER}/generator"
MODEL_FILES = {".gitattributes", "config.json", "model.safetensors", "README.md"}


class Seen(NamedTuple):
    """All there is to a network, small enough to travel between processes."""

    weights: dict[str, str]  # SHA-256 by name, batch norm statistics included
    settings: dict[str, Any]
    training: bool


def seen(network: HubModel) -> Seen:
    """The digests of a network's weights, and what it was built with."""
    weights = {name: sha256(value.numpy().tobytes()).hexdigest() for name, value in network.state_dict().items()}
    if isinstance(network, Generator):
        return Seen(weights, {"fill_color": network.fill_color.flatten().tolist()}, network.training)
    return Seen(weights, {"image_size": getattr(network, "image_size", None)}, network.training)


def built(kind: type[HubModel], seed: int = 0, **settings: Any) -> HubModel:
    """A network with random weights and random batch norm statistics, the same for the same seed."""
    torch.manual_seed(seed)
    network = kind(**settings).eval()
    for name, statistic in network.named_buffers():
        if name.endswith("running_mean"):
            statistic.normal_()
        elif name.endswith("running_var"):
            statistic.uniform_(0.5, 2)
    return network


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# What the client's process is asked to do. Everything goes there and comes back by pickle.


def push(kind: type[HubModel], repo_id: str, *, seed: int = 0, token: Any = None, **settings: Any) -> Seen:
    """What was pushed."""
    network = built(kind, seed, **settings)
    network.push_to_hub(repo_id, token=token)
    return seen(network)


def pull(kind: type[HubModel], name: str | Path, **options: Any) -> Seen:
    """What came back."""
    return seen(kind.from_pretrained(name, **options))


def fill(name: str | Path, image: Image.Image, mask: np.ndarray) -> Image.Image:
    """The image filled by the model `name`."""
    return Inpainter.from_pretrained(name)(image, mask)


def split_of(name: str | Path) -> list[str]:
    """A data set's splits, small enough to travel."""
    images = split_images(DatasetConfig(str(name), 32), progress=False)
    return told(images.train.buffered.images, images.validation, images.test)


def streamed_split_of(name: str, stop: int) -> list[str]:
    """The same of a data set that is streamed, and taken up again after `stop` training images."""
    config = DatasetConfig(name, 32)
    images, again = (stream_images(config, progress=False, block_rows=30, held_out=100, piece_size=8) for _ in range(2))
    assert isinstance(images.train, Stream)
    assert isinstance(again.train, Stream)
    train = images.train.take(0, stop)
    again.train.load(images.train.state())
    train += again.train.take(stop, 8)
    while again.train.visited == len(train):  # the first lap is not over
        train += again.train.take(len(train), 8)
    return told(train[: again.train.visited], images.validation, images.test)


def told(*splits: Sequence[torch.Tensor]) -> list[str]:
    """A digest of each split, whatever the order of its images."""
    return [sha256(b"".join(sorted(image.numpy().tobytes() for image in images))).hexdigest() for images in splits]


def user_name(token: str) -> str:
    """Whose token it is."""
    return HfApi(token=token).whoami()["name"]


def stay_on_loopback() -> None:
    """From now on this process cannot reach another machine, and says so where it tries."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] != "127.0.0.1":
            raise RuntimeError(f"a test reached out to {arguments[1]}")

    sys.addaudithook(refuse)


@contextmanager
def client_process(server: HubServer, home: Path) -> Iterator[Client]:
    """Calls a function in a fresh process whose Hub is `server`, and hands back what it returns or raises."""
    with (
        pytest.MonkeyPatch.context() as environment,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), stay_on_loopback) as pool,
    ):
        wanted = server.environment(home)
        for name in set(os.environ) - set(wanted):
            environment.delenv(name)
        for name, value in wanted.items():
            environment.setenv(name, value)
        pool.submit(int).result()  # starts the process while the settings are there
        environment.undo()
        yield lambda function, *arguments, **options: pool.submit(function, *arguments, **options).result()


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    """A Hub of our own, empty at first."""
    with HubServer() as server:
        yield server


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The HF_HOME of the client."""
    return tmp_path_factory.mktemp("hf_home")


@pytest.fixture(scope="module")
def client(server: HubServer, cache: Path) -> Iterator[Client]:
    """Calls a function where the Hub is `server`."""
    with client_process(server, cache) as call:
        yield call


@pytest.fixture(scope="module")
def pushed(client: Client) -> Seen:
    """The generator that stands on the Hub as `MODEL`."""
    return client(push, Generator, MODEL, fill_color=FILL_COLOR)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same generator in a local folder."""
    folder = tmp_path_factory.mktemp("model")
    built(Generator, fill_color=FILL_COLOR).save_pretrained(folder)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What a training run leaves behind, with a few bytes in the place of each file."""
    folder = tmp_path / "run"
    for name in (
        *("README.md", "config.json", "model.safetensors"),
        *("discriminator/README.md", "discriminator/config.json", "discriminator/model.safetensors"),
        *(
            "checkpoint-000100.pt",
            "checkpoint-000200.pt",
            "metrics.jsonl",
            "recipe.json",
            "figures.json",
            "logs/events",
        ),
        *("errors.png", "samples.png", "samples/000000064.png"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"the bytes of {name}")
    return folder


# The round trip.


def test_a_pushed_generator_comes_back_bit_for_bit(client: Client, pushed: Seen) -> None:
    assert client(pull, Generator, MODEL).weights == pushed.weights


def test_a_pushed_generator_keeps_its_fill_color(client: Client, pushed: Seen) -> None:
    there_and_back = client(pull, Generator, MODEL).settings["fill_color"]
    assert there_and_back == pushed.settings["fill_color"] == torch.tensor(FILL_COLOR).tolist()


def test_a_network_from_the_hub_is_in_eval_mode(client: Client, pushed: Seen) -> None:
    assert not client(pull, Generator, MODEL).training


def test_a_pushed_discriminator_comes_back_bit_for_bit(client: Client) -> None:
    pushed = client(push, Discriminator, f"{USER}/discriminator", image_size=32)
    assert client(pull, Discriminator, f"{USER}/discriminator") == pushed
    assert pushed.settings == {"image_size": 32}


def test_a_model_on_the_hub_is_config_weights_and_card(server: HubServer, pushed: Seen) -> None:
    assert set(server.files(MODEL)) == MODEL_FILES
    assert json.loads(server.files(MODEL)["config.json"]) == {
        "fill_color": list(FILL_COLOR),
        "largest_hole": None,
        "dilated": True,
    }


def test_the_card_on_the_hub_is_the_filled_in_template(server: HubServer, pushed: Seen) -> None:
    card = ModelCard(server.files(MODEL)["README.md"].decode())
    assert card.data.get("library_name") == "inpaint-hub"
    assert card.text.strip().startswith("# generator\n")
    assert "{{" not in card.content
    assert "{%" not in card.content


def test_pushing_the_same_again_makes_no_second_commit(client: Client, server: HubServer, pushed: Seen) -> None:
    before = server.commits(MODEL)
    client(push, Generator, MODEL, fill_color=FILL_COLOR)
    assert server.commits(MODEL) == before


def test_an_earlier_commit_can_still_be_loaded(client: Client, server: HubServer) -> None:
    first = client(push, Generator, f"{USER}/history", seed=1)
    second = client(push, Generator, f"{USER}/history", seed=2)
    assert first != second == client(pull, Generator, f"{USER}/history")
    assert client(pull, Generator, f"{USER}/history", revision=server.commits(f"{USER}/history")[1]) == first


def test_an_inpainter_from_the_hub_fills_like_one_from_the_folder(client: Client, pushed: Seen, saved: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (18, 23, 3), dtype=np.uint8))
    mask = np.zeros((18, 23), dtype=bool)
    mask[5:11, 8:15] = True
    result = client(fill, MODEL, image, mask)
    assert np.array_equal(result, client(fill, saved, image, mask))
    assert np.array_equal(np.asarray(result)[~mask], np.asarray(image)[~mask])
    assert not np.array_equal(np.asarray(result)[mask], np.asarray(image)[mask])


# Without the Hub.


def test_a_saved_folder_loads_without_any_request(client: Client, server: HubServer, pushed: Seen, saved: Path) -> None:
    before = len(server.requests)
    assert client(pull, Generator, saved) == pushed
    assert len(server.requests) == before


def test_a_downloaded_model_loads_in_a_new_process_when_the_hub_is_gone(
    client: Client, server: HubServer, cache: Path, pushed: Seen
) -> None:
    client(pull, Generator, MODEL)
    with client_process(server, cache) as fresh_client, server.gone():
        assert fresh_client(pull, Generator, MODEL) == pushed


# What is missing is an error.


def test_a_repository_that_is_not_there_is_an_os_error_that_names_it(client: Client) -> None:
    with pytest.raises(OSError, match=f"{USER}/nowhere") as error:
        client(pull, Generator, f"{USER}/nowhere")
    assert isinstance(error.value, RepositoryNotFoundError)


def test_missing_weights_are_an_error_that_names_them(client: Client, server: HubServer, saved: Path) -> None:
    weights = load(contents(saved)["model.safetensors"])
    del weights["layers.3.weight"]
    server.add(f"{USER}/incomplete", files=contents(saved) | {"model.safetensors": save(weights)})
    with pytest.raises(RuntimeError, match=r"layers\.3\.weight"):
        client(pull, Generator, f"{USER}/incomplete")


def test_a_missing_config_is_an_error_and_not_another_fill_color(
    client: Client, server: HubServer, saved: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "model"))
    (folder / "config.json").unlink()
    server.add(f"{USER}/unconfigured", files=contents(folder))
    for name in (folder, f"{USER}/unconfigured"):
        with pytest.raises(OSError, match=r"config\.json"):
            client(pull, Generator, name)


# Data sets.


def test_a_data_set_on_the_hub_is_split_as_the_same_images_in_a_folder(
    client: Client, server: HubServer, pictures: Path, tmp_path: Path
) -> None:
    files = [str(path) for path in pictures.glob("*.png")]
    rows = Dataset.from_dict({"img": files}, Features({"img": ImageFeature()}))
    rows.map(lambda row: row, batched=True).to_parquet(tmp_path / "pictures.parquet")
    parquet = (tmp_path / "pictures.parquet").read_bytes()
    server.add(f"datasets/{USER}/pictures", files={"README.md": b"", "data/train-00000-of-00001.parquet": parquet})
    assert client(split_of, f"{USER}/pictures") == client(split_of, pictures)


def test_a_streamed_data_set_of_the_hub_is_split_so_too_and_resumes(
    client: Client, server: HubServer, pictures: Path
) -> None:
    contents = [path.read_bytes() for path in sorted(pictures.glob("*.png"))]
    files = {"README.md": b""}
    for shard in range(2):
        table = pa.table({"image": [{"bytes": content, "path": None} for content in contents[shard::2]]})
        file = BytesIO()
        pq.write_table(table, file, row_group_size=20)
        files[f"data/train-{shard:05d}-of-00002.parquet"] = file.getvalue()
    server.add(f"datasets/{USER}/streamed", files=files)
    assert client(streamed_split_of, f"{USER}/streamed", 96) == client(split_of, pictures)


def rows_with_token(name: str, token: str | None) -> int:
    """How many rows a data set has for somebody whose token is in the environment, as a run puts its flag's there."""
    before = os.environ.pop("HF_TOKEN", None)
    try:
        os.environ.update({"HF_TOKEN": token} if token else {})
        return len(load_source(DatasetConfig(name, 32)).splits["train"])
    finally:
        os.environ.update({"HF_TOKEN": before} if before else {})


def test_a_private_data_set_takes_its_owners_token(client: Client, server: HubServer, tmp_path: Path) -> None:
    rows = Dataset.from_dict({"image": [Image.new("RGB", (8, 8))] * 3}, Features({"image": ImageFeature()}))
    rows.to_parquet(tmp_path / "train.parquet")
    files = {"README.md": b"", "data/train-00000-of-00001.parquet": (tmp_path / "train.parquet").read_bytes()}
    server.add(f"datasets/{USER}/locked", files=files, private=True)
    with pytest.raises(ValueError, match=r"A private or gated one needs --hub_token, or `hf auth login`"):
        client(rows_with_token, f"{USER}/locked", None)
    assert client(rows_with_token, f"{USER}/locked", TOKEN) == 3


# Publishing a folder.


def test_publish_leaves_checkpoints_and_logs_behind(client: Client, server: HubServer, run: Path) -> None:
    client(hub.publish, run, f"{USER}/run")
    files = server.files(f"{USER}/run")
    discriminator = {f"discriminator/{name}" for name in ("README.md", "config.json", "model.safetensors")}
    assert set(files) == MODEL_FILES | discriminator
    assert all(files[name] == (run / name).read_bytes() for name in set(files) - {".gitattributes"})


def test_publish_sends_the_pictures_that_the_card_shows_and_no_others(
    client: Client, server: HubServer, run: Path
) -> None:
    (run / "README.md").write_text("A card.\n\n![The errors](errors.png)\n")
    client(hub.publish, run, f"{USER}/pictured")
    files = server.files(f"{USER}/pictured")
    assert files["errors.png"] == (run / "errors.png").read_bytes()
    assert not {name for name in files if "samples" in name}


def test_publish_returns_the_address_of_its_commit(client: Client, server: HubServer, run: Path) -> None:
    address = client(hub.publish, run, f"{USER}/addressed")
    assert address == f"{server.url}/{USER}/addressed/commit/{server.commits(f'{USER}/addressed')[-1]}"


def test_publish_again_adds_a_commit_with_what_changed(client: Client, server: HubServer, run: Path) -> None:
    client(hub.publish, run, f"{USER}/again")
    (run / "README.md").write_text("better figures")
    client(hub.publish, run, f"{USER}/again")
    assert len(server.commits(f"{USER}/again")) == 3  # the Hub's own first one, and these two
    assert server.files(f"{USER}/again")["README.md"] == b"better figures"


def test_a_private_model_is_for_its_owner(client: Client, saved: Path) -> None:
    client(hub.publish, saved, f"{USER}/private", private=True)
    with pytest.raises(RepositoryNotFoundError):
        client(pull, Generator, f"{USER}/private", token=False)
    assert client(pull, Generator, f"{USER}/private").settings["fill_color"]


def test_publish_refuses_a_folder_without_a_model_before_it_makes_a_repository(
    client: Client, server: HubServer, tmp_path: Path
) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises((ValueError, OSError), match=re.escape(str(folder))):
            client(hub.publish, folder, f"{USER}/empty")
    assert f"{USER}/empty" not in server.repos


# Leave to write.


def test_a_push_without_a_token_is_refused_and_leaves_nothing(client: Client, server: HubServer) -> None:
    with pytest.raises(HfHubHTTPError, match="401"):
        client(push, Generator, f"{USER}/uninvited", token=False)
    assert f"{USER}/uninvited" not in server.repos


def test_a_token_is_used_where_it_is_given(client: Client, saved: Path) -> None:
    assert client(user_name, TOKEN) == USER
    with pytest.raises(ValueError, match="the Hub takes no token, or not this one"):
        client(hub.publish, saved, f"{USER}/wrong-token", token="hf_somebody")


def test_prepare_makes_the_repository_once(client: Client, server: HubServer) -> None:
    for _ in range(2):
        client(hub.prepare, f"{USER}/prepared")
    assert set(server.files(f"{USER}/prepared")) == {".gitattributes"}


def test_prepare_says_the_id_in_full(client: Client) -> None:
    assert client(hub.prepare, "short") == client(hub.prepare, f"{USER}/short") == f"{USER}/short"


@pytest.mark.parametrize(
    ("name", "token", "says"),
    [
        ("somebody/new", None, r"this token may not write to somebody/new \(.*\); give another model id"),
        (f"{USER}/new", False, r"the Hub takes no token, or not this one .* give one with --hub_token"),
        (f"{USER}/new", "hf_wrong", r"the Hub takes no token, or not this one"),
        ("my run", None, r"'my run' is no name for a model on the Hub; give owner/name \(--hub_model_id\)"),
        ("a/b/c", None, r"'a/b/c' is no name for a model"),
    ],
)
def test_prepare_says_why_it_cannot_write(client: Client, name: str, token: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        client(hub.prepare, name, token=token)


@pytest.mark.parametrize("work", [hub.prepare, hub.folder_of])
def test_hub_functions_without_a_connection_say_so(client: Client, server: HubServer, work: Callable[..., Any]) -> None:
    with server.gone(), pytest.raises(ValueError, match=r"the Hub cannot be reached .*try again with a connection"):
        client(work, f"{USER}/unreachable")


def test_folder_of_a_private_model_takes_its_owners_token(client: Client, saved: Path) -> None:
    client(hub.publish, saved, f"{USER}/locked", private=True)
    with pytest.raises(
        ValueError, match=r"locked is not on the Hub, or private: then it takes its owner's --hub_token"
    ):
        client(hub.folder_of, f"{USER}/locked", token=False)
    assert (client(hub.folder_of, f"{USER}/locked", token=TOKEN) / "config.json").is_file()


def test_prepare_refuses_a_repository_that_is_there_but_not_ours(client: Client, server: HubServer) -> None:
    server.add("somebody/model")
    with pytest.raises(ValueError, match="may not write to somebody/model"):
        client(hub.prepare, "somebody/model")


# The card.


def run_snippets(repo_id: str, name: str = "README.md") -> list[str]:
    """Run every Python block of a card on the Hub as it stands; the kinds of what came out."""
    card = Path(HfApi().hf_hub_download(repo_id, name)).read_text()
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL):
        exec(block, names)
    return sorted(type(value).__name__ for value in names.values() if isinstance(value, HubModel | Inpainter))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as a run leaves it, with its discriminator."""
    folder = tmp_path_factory.mktemp("trained")
    built(Generator).save_pretrained(folder)
    built(Discriminator, image_size=32).save_pretrained(folder / "discriminator")
    return folder


def test_every_snippet_of_a_published_run_runs(client: Client, server: HubServer, trained: Path) -> None:
    client(hub.publish, trained, "trained")
    for files in (server.files(f"{USER}/trained"), server.files(f"{USER}/trained")):
        assert b"path/to" not in files["README.md"] + files["discriminator/README.md"]
    assert client(run_snippets, f"{USER}/trained") == ["Inpainter"]
    assert client(run_snippets, f"{USER}/trained", "discriminator/README.md") == ["Discriminator"]


@pytest.mark.parametrize("kind", [Generator, Discriminator, ContextEncoder, FeatureDiscriminator])
def test_push_to_hub_every_snippet_of_the_card_runs(client: Client, kind: type[HubModel]) -> None:
    settings = {"image_size": 32} if kind in (Discriminator, ContextEncoder) else {}
    client(push, kind, f"snippets-{kind.__name__}", **settings)  # without the owner
    found = client(run_snippets, f"{USER}/snippets-{kind.__name__}")
    assert found == [kind.__name__ if "Discriminator" in kind.__name__ else found[0]]
    assert found[0] != "HubModel"


def test_from_pretrained_takes_a_subfolder_here_and_on_the_hub(client: Client, trained: Path) -> None:
    client(hub.publish, trained, f"{USER}/parts")
    here = seen(Discriminator.from_pretrained(trained, subfolder="discriminator"))
    assert client(pull, Discriminator, f"{USER}/parts", subfolder="discriminator") == here
    for place in (trained, f"{USER}/parts"):
        with pytest.raises(FileNotFoundError, match=r"has no critic/config\.json"):
            client(pull, Discriminator, place, subfolder="critic")


def edit(server: HubServer, repo_id: str, text: bytes) -> None:
    """Replace a card as somebody does on the Hub's page."""
    repo = server.repos[repo_id]
    files = dict(repo.commits[repo.branches["main"]])
    repo.commit("main", files | {"README.md": File(text, lfs=False)})


@pytest.mark.parametrize("change", [b"%s\nSee my talk.\n", b"Mine, all mine.%.0s"])
def test_a_card_edited_on_the_hub_stays_unless_it_is_to_be_replaced(
    client: Client, server: HubServer, trained: Path, change: bytes, tmp_path: Path
) -> None:
    folder, name = shutil.copytree(trained, tmp_path / "run"), f"{USER}/edited-{len(change)}"
    client(hub.publish, folder, name)
    written = server.files(name)["README.md"]
    edit(server, name, change % written)
    for work in (
        lambda **more: client(hub.publish, folder, name, **more),
        lambda **more: client(push_again, name, **more),
    ):
        work()
        assert server.files(name)["README.md"] == change % written
        work(replace_card=True)
        assert server.files(name)["README.md"] != change % written
        edit(server, name, change % written)


def push_again(repo_id: str, **options: Any) -> None:
    """A generator with other weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built(Generator, seed=7).push_to_hub(repo_id, **options)


def test_a_card_that_nobody_edited_is_brought_up_to_date(client: Client, server: HubServer, trained: Path) -> None:
    client(hub.publish, trained, f"{USER}/updated")
    (trained / ".pushed.json").unlink()  # as from another machine
    client(push, Generator, f"{USER}/updated", seed=3)
    before = server.files(f"{USER}/updated")
    built(Generator).save_pretrained(trained / "new", model_card_kwargs={"note": "Better."})
    client(hub.publish, trained / "new", f"{USER}/updated")
    assert b"Better." in server.files(f"{USER}/updated")["README.md"]
    assert b"Better." not in before["README.md"]


# Models that strangers name.


def test_a_strangers_model_is_fetched_without_its_card_and_fills(client: Client, pushed: Seen) -> None:
    folder = client(hub.visitors_model, MODEL, 10**8)
    assert client(pull, Generator, folder).weights == pushed.weights


def bytes_told(name: str) -> list[tuple[int, int]]:
    """What is told of while a stranger's model comes."""
    told: list[tuple[int, int]] = []
    hub.visitors_model(name, 10**8, lambda had, size: told.append((had, size)))
    return told


def test_how_much_of_a_strangers_model_has_come_is_told(client: Client, server: HubServer, pushed: Seen) -> None:
    client(hub.prepare, f"{USER}/large")
    files = {name: server.files(MODEL)[name] for name in ("config.json", "model.safetensors")}
    server.repos[f"{USER}/large"].commit("main", {path: File(content, lfs=False) for path, content in files.items()})
    told = client(bytes_told, f"{USER}/large")
    assert {size for _, size in told} == {sum(map(len, files.values()))}
    assert len(told) > 3, "more than once a file"
    assert told[-1][0] == told[-1][1]


def test_a_strangers_model_may_not_be_larger_than_allowed(client: Client, pushed: Seen) -> None:
    with pytest.raises(ValueError, match=r"has 24 MB, and 1 are the most here"):
        client(hub.visitors_model, MODEL, 10**6)


def test_a_strangers_model_may_not_be_a_pickle_or_another_network(
    client: Client, server: HubServer, pushed: Seen
) -> None:
    config, weights = (server.files(MODEL)[name] for name in ("config.json", "model.safetensors"))
    for name, files in (
        ("pickle", {"config.json": config, "pytorch_model.bin": weights}),
        ("other", {"config.json": config, "model.safetensors": save({"weight": torch.zeros(3)})}),
        ("strange", {"config.json": b'{"fill_color": "red"}', "model.safetensors": weights}),
    ):
        client(hub.prepare, f"{USER}/{name}")
        repo = server.repos[f"{USER}/{name}"]
        repo.commit("main", {path: File(content, lfs=False) for path, content in files.items()})
        with pytest.raises(ValueError, match=r"is no model of this library"):
            client(hub.visitors_model, f"{USER}/{name}", 10**8)


def test_a_strangers_model_may_not_be_a_private_one_of_the_pages_owner(client: Client, saved: Path) -> None:
    client(hub.publish, saved, f"{USER}/secret", private=True)
    with pytest.raises(ValueError, match="no such public model"):
        client(hub.visitors_model, f"{USER}/secret", 10**8)


@pytest.mark.parametrize("name", ["../model", "a/b/c", "/etc/passwd", "owner/..", "http://x/y", "owner/model\n", ""])
def test_a_strangers_model_is_never_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="is no model's name on the Hub"):
        hub.visitors_model(name, 10**8)


def test_the_data_set_of_one_card_does_not_end_up_in_the_next() -> None:
    first, second = built(Generator), built(Generator, seed=1)
    assert first.generate_model_card(dataset="uoft-cs/cifar10").data.get("datasets") == ["uoft-cs/cifar10"]
    assert second.generate_model_card().data.get("datasets") is None
