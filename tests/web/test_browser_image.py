"""What a browser shows of a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_photos import photo_of

from inpaint_hub.imaging import photo
from inpaint_hub.web.browser_image import BROWSER_MODES, PREVIEW_PX, Picture, make_preview, to_browser, write_patch

GREY = np.full((4, 6), 16448, dtype=np.uint16)  # 64 of 255
OTHERS = {
    "CMYK": (Image.new("CMYK", (6, 4), (191, 191, 191, 0)), "RGB"),
    "YCbCr": (Image.new("YCbCr", (6, 4), (64, 128, 128)), "RGB"),
    "I;16": (Image.fromarray(GREY), "RGB"),
    "F": (Image.fromarray(GREY.astype(np.float32) / 65535), "RGB"),
    "16-bit RGB": (np.stack([GREY] * 3, axis=2), "RGB"),
    "16-bit RGBA": (np.stack([GREY] * 4, axis=2), "RGBA"),
}


@pytest.mark.parametrize("mode", BROWSER_MODES)
def test_to_browser_leaves_the_modes_that_browsers_know(mode: str) -> None:
    image = Image.new(mode, (6, 4))
    assert to_browser(image) is image


@pytest.mark.parametrize(("image", "mode"), OTHERS.values(), ids=OTHERS)
def test_to_browser_makes_8_bits_of_all_others(image: Picture, mode: str) -> None:
    shown = to_browser(image)
    assert shown.mode == mode
    assert shown.convert("RGB").getpixel((0, 0)) == (64, 64, 64)


@pytest.mark.parametrize("size", [(1, 1), (32, 20), (5000, 40), (40, 5000), (2049, 2048)])
def test_make_preview_fits_the_screen(size: tuple[int, int]) -> None:
    preview = make_preview(Image.new("RGB", size))
    assert max(preview.size) == min(max(size), PREVIEW_PX)


@pytest.mark.parametrize(("mode", "files"), [("RGB", 1), ("CMYK", 2)])
def test_write_patch_writes_a_second_file_where_a_browser_does_not_show_the_first(
    tmp_path: Path, mode: str, files: int
) -> None:
    patch = Image.fromarray(photo_of(40, 60)).convert(mode)
    patch.save(tmp_path / "photo.tif")
    written = write_patch(patch, photo.read(tmp_path / "photo.tif"), str(tmp_path))
    assert len(set(written)) == files
    with Image.open(written[0]) as exact, Image.open(written[1]) as shown:
        assert np.array_equal(np.asarray(exact), np.asarray(patch))
        assert shown.format == "PNG"
        assert shown.mode == "RGB"
