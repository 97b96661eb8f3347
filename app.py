"""The page: brush over what should go, press Fill.

    python app.py --model owner/model

It runs on your machine or as a Space, with the shipped model "cifar10" if no other is named.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from inpaint_hub import Inpainter
from inpaint_hub.contract import LUMA

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.jpg"))
BRUSH_COLOR = "#ff8a3d"  # lighter than mid-grey: a layer brushed over everywhere is a hole in either reading of hole_of
HOUR = 3600  # seconds
QUEUE = 20  # visitors who may wait; the next one is told that it is full

TITLE = "Inpaint Hub"
WHAT_TO_DO = "Open a photo, brush over whatever should go, and press **Fill**."
PROMISE = "Filled by `{model}`. Pixels that are not brushed over stay as they are, bit for bit."
NO_PHOTO = "There is no photo yet: drop one into the editor, or pick an example."
NO_HOLE = "Nothing is brushed over yet: paint over what should go, then press Fill."
PLACEHOLDER = "# Drop a photo here\nor open one with the\nupload button at the left"
EDITOR_HEIGHT_PX = 500
BUSY = "() => { document.getElementById('fill').classList.add('busy') }"  # a large photo takes seconds to upload
READY = "() => { document.getElementById('fill').classList.remove('busy') }"
SHOW_RESULT = """() => {
  document.getElementById('result').scrollIntoView({behavior: 'smooth', block: 'nearest'})
  return {__type__: 'update', interactive: true}  // the download button
}"""

THEME = gr.themes.Default(
    primary_hue="teal",
    neutral_hue="zinc",
    radius_size="lg",
    font=["ui-sans-serif", "system-ui", "sans-serif"],  # the visitor's own: no font is fetched
    font_mono=["ui-monospace", "monospace"],
).set(
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    body_text_color_subdued="*neutral_500",
    slider_color="*primary_600",
)
CSS = """
.gradio-container { width: 100%; max-width: 1280px !important; margin-inline: auto; }
#intro h1 { font-size: 1.9rem; letter-spacing: -0.02em; margin-bottom: 0.1em; }
#intro p { font-size: 1.1rem; color: var(--body-text-color-subdued); }
#editor .toolbar-wrap { left: 0; }  /* beside the photo, not over it */
#editor button[aria-label="Color"] { display: none; }  /* there is only one */
#result [data-testid="status-tracker"]:has(.error) { display: none; }  /* the toast says it; the last result stays */
#examples > .gallery { display: grid; grid-template-columns: repeat(4, 1fr); }
#examples .gallery-item, #examples .gallery-item * { width: 100%; height: 100%; max-width: none; max-height: none; }
#examples .gallery-item img { aspect-ratio: 3 / 2; object-fit: cover; }
#promise p { font-size: 0.9rem; color: var(--body-text-color-subdued); text-align: center; }
#fill.busy { opacity: 0.7; cursor: progress; }
#fill.busy::after { content: "…"; }
footer .divider { display: none; }
@media (pointer: coarse) {  /* fingers */
  #editor .toolbar-wrap button { width: 100%; height: 40px; }
  #editor .toolbar-wrap button > div { width: 22px; height: 22px; }
}
"""


def hole_of(editor_value: dict[str, Any] | None) -> tuple[np.ndarray, np.ndarray]:
    """The photo (H, W, 3), or (H, W, 4) where any of it is transparent, uint8, and its hole (H, W) bool.

    `editor_value` holds (H, W, 4) uint8 arrays: the `background`, and `layers` with what was brushed.
    A layer that is opaque everywhere is a mask picture, as callers of the endpoint send it: white =
    hole. Raises `ValueError` where there is no photo, or a layer has another size.
    """
    value = editor_value or {}
    photo = value.get("background")
    if photo is None:
        raise ValueError(NO_PHOTO)
    height, width = photo.shape[:2]
    hole = np.zeros((height, width), dtype=bool)
    for layer in value.get("layers") or []:
        if layer.shape[:2] != (height, width):
            raise ValueError(
                f"The mask is {layer.shape[1]}×{layer.shape[0]} but the photo is {width}×{height};"
                " resize the mask with nearest neighbour."
            )
        alpha = layer[..., 3]
        hole |= layer[..., :3] @ LUMA > 127.5 if alpha.min() == 255 else alpha > 0
    return (photo if photo[..., 3].min() < 255 else photo[..., :3]), hole


def build(inpainter: Inpainter, model: str) -> gr.Blocks:
    """The page around `inpainter`, whose name it shows as `model`."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(HOUR, HOUR)) as page:

        def fill(editor_value: dict[str, Any]) -> tuple[tuple[str, str], str]:
            """Fill what is brushed over: the photo before and after, and the result as a PNG file.

            As `background` give the photo, as the only one of `layers` the mask: a picture of the same size,
            white = fill, black = keep.
            """
            try:
                photo, hole = hole_of(editor_value)
                if not hole.any():
                    raise ValueError(NO_HOLE)
            except ValueError as error:
                gr.Warning(str(error))  # what the page shows; the error below is for callers of the endpoint
                raise gr.Error(str(error), visible=False, print_exception=False) from error
            try:
                result = inpainter(photo, hole)
            except ValueError as error:
                raise gr.Error(str(error), print_exception=False) from error
            folder = Path(tempfile.mkdtemp(dir=page.GRADIO_CACHE))  # delete_cache empties it
            before, after = str(folder / "original.png"), str(folder / "filled.png")
            Image.fromarray(photo).save(before, compress_level=1)
            Image.fromarray(result).save(after)
            return (before, after), after

        gr.Markdown(f"# {TITLE}\n{WHAT_TO_DO}", elem_id="intro")
        with gr.Row():
            with gr.Column(min_width=340):  # an editor placed directly in a row takes the row's width
                editor = gr.ImageEditor(
                    label="Photo",
                    type="numpy",
                    image_mode="RGBA",
                    format="png",
                    sources=("upload", "clipboard"),
                    transforms=(),
                    layers=False,
                    brush=gr.Brush(
                        default_size=20, colors=[BRUSH_COLOR], default_color=BRUSH_COLOR, color_mode="fixed"
                    ),
                    eraser=gr.Eraser(default_size=20),
                    buttons=[],
                    height=EDITOR_HEIGHT_PX,
                    placeholder=PLACEHOLDER,
                    elem_id="editor",
                )
                button = gr.Button("Fill", variant="primary", elem_id="fill")
                examples = gr.Dataset(
                    components=[editor],
                    samples=[[str(path)] for path in EXAMPLES],
                    label="Or try one of these",
                    type="index",
                    elem_id="examples",
                )
            with gr.Column(min_width=340):
                slider = gr.ImageSlider(
                    label="Before and after",
                    slider_position=10,  # in percent: what is seen first is the result
                    format="png",
                    buttons=["fullscreen"],
                    height=EDITOR_HEIGHT_PX,
                    max_height=EDITOR_HEIGHT_PX,
                    elem_id="result",
                )
                download = gr.DownloadButton("Download as PNG", interactive=False, elem_id="download")
        gr.Markdown(PROMISE.format(model=Path(model).name if Path(model).is_dir() else model), elem_id="promise")

        # Gradio uploads an editor anew at every step of an event that shows progress on it or takes it as input. So
        # examples show theirs on themselves, and Fill first copies the editor, in the browser alone, to `sent`.
        sent = gr.ImageEditor(label="Photo and mask", type="numpy", image_mode="RGBA", visible=False)
        examples.click(
            lambda number: str(EXAMPLES[number]),
            examples,
            editor,
            show_progress_on=examples,
            queue=False,
            api_visibility="private",
        )
        button.click(None, js=BUSY)
        copied = button.click(None, editor, sent, js="value => value")
        filled = copied.success(fill, sent, [slider, download], api_name="fill")
        for ended in (copied.failure, filled.failure, filled.success):
            ended(None, js=READY)
        filled.success(None, None, download, js=SHOW_RESULT)
    return page.queue(max_size=QUEUE, default_concurrency_limit=1)


def parse_args() -> argparse.Namespace:
    """The command line; what is not given comes from the environment."""
    parser = argparse.ArgumentParser(description="Open the page that fills holes in photos.")
    parser.add_argument(
        "--model",
        default=os.environ.get("INPAINT_MODEL") or "cifar10",
        help="a shipped name, a local folder, or owner/model on the Hub (default: $INPAINT_MODEL, or cifar10)",
    )
    parser.add_argument("--host", help="address to listen on (default: $GRADIO_SERVER_NAME, or 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: $GRADIO_SERVER_PORT, or 7860)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        inpainter = Inpainter.from_pretrained(args.model)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"cannot load the model {args.model!r}: {error}")
    build(inpainter, args.model).launch(
        server_name=args.host,
        server_port=args.port,
        theme=THEME,
        css=CSS,
        footer_links=["api"],
        run_history=False,  # nobody's photos are kept
        enable_monitoring=False,
    )


if __name__ == "__main__":
    main()
