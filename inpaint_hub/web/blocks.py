"""Gradio's Blocks, which say in a sentence what they refuse, and take files from uploads alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any, NoReturn, cast

import gradio as gr
from gradio import route_utils
from gradio.context import LocalContext

from . import text, validation
from .middleware import OUTSIDE
from .worker_pool import WorkerPool

NOT_TAKEN = "The arguments cannot be read. Give uploads of pictures, as gradio_client's handle_file makes them."

FETCH_ANYTHING = gr.blocks.Block.async_move_resource_to_block_cache


async def restrict_to_uploads(component: gr.blocks.Block, path: str | Path | None) -> str | None:
    """Return the cached copy of an upload, where Gradio's own would fetch any address that a caller names.

    An upload may be named by its address on this page, as MCP's clients do.
    """
    if re.match(r"https?:", str(path)):
        path = validation.uploaded_path(str(path), Path(component.GRADIO_CACHE))
        if path is None:
            raise gr.Error(OUTSIDE, print_exception=False)
    cached: str | None = await FETCH_ANYTHING(component, path)
    return cached


class UploadParser(route_utils.GradioMultiPartParser):
    """Gradio's parser of uploads, which leaves no half of a file behind."""

    async def parse(self) -> Any:
        """Return the form; delete what came where it breaks off."""
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                file.close()
                Path(file.name).unlink(missing_ok=True)
            raise


class Page(gr.Blocks):
    """A page that says in a sentence what it cannot take, where Gradio is silent or names its classes."""

    model: str  # the page's own
    methods: Collection[str]  # that may be chosen
    pool: WorkerPool

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any) -> list[Any]:
        """Return what an event's function takes; `inputs` as they came."""
        names = [name for name in signature(block_fn.fn).parameters if name != "progress"]
        language = "en"
        try:
            if len(inputs) < len(block_fn.inputs):
                raise ValueError(f"{len(inputs)} values came; give {', '.join(names)}.")
            values, uploads = dict(zip(names, inputs, strict=False)), Path(self.GRADIO_CACHE)
            if "request" in values:
                validation.validate_request(values["request"], self.methods, uploads)
                language = values["request"]["language"]
            else:
                validation.validate(values, self.methods, uploads)
            taken: list[Any] = await super().preprocess_data(block_fn, inputs, *arguments, **options)
        except gr.Error as error:
            raise gr.Error(error.message, print_exception=False) from error
        except ValueError as error:
            refuse(error, language)
        except Exception as error:  # whatever a stranger's files may lead to
            raise gr.Error(NOT_TAKEN, print_exception=False) from error
        return taken

    def count_waiting(self, same: Callable[[str], bool]) -> int:
        """Count the events that wait or run, of the client addresses that are the same visitor's."""
        clients = [event.request.client for event in list(self._queue.event_ids_to_events.values())]
        return sum(client is not None and same(client.host) for client in clients)


def current_page() -> Page:
    """Return the page whose event runs here."""
    return cast(Page, LocalContext.blocks.get())


def connection_checker() -> Callable[[], bool]:
    """Return what says whether the visitor whose event runs here is still connected."""
    event = current_page()._queue.event_ids_to_events.get(LocalContext.event_id.get(None))
    return lambda: event is None or event.alive


def refuse(error: ValueError, language: str = "en") -> NoReturn:
    """Tell the caller of an event what is not possible. The title says what the page itself can do about it."""
    kind = "gone" if isinstance(error, validation.GoneError) else "refused"
    sentence = text.translate(str(error), language)
    raise gr.Error(sentence, title=kind, visible=False, print_exception=False) from error


@contextmanager
def show_value_errors(language: str = "en") -> Iterator[None]:
    """Within, what is not possible is told to the caller."""
    try:
        yield
    except ValueError as error:
        refuse(error, language)


def accept_uploads_alone() -> None:
    """Let every page of this process take files from uploads alone, and keep no half of an upload."""
    gr.blocks.Block.async_move_resource_to_block_cache = restrict_to_uploads
    route_utils.GradioMultiPartParser = UploadParser
