"""Tags of TIFF files and EXIF blocks, as bytes."""

from __future__ import annotations

import io
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inpaint_hub.imaging import tiff_tags
from inpaint_hub.imaging.tiff_tags import Entry, add_tags, read_tags, write_block

entries = st.builds(
    lambda kind, data: Entry(kind, (data * 8)[: len(data) * tiff_tags.SIZES[kind]]),
    st.sampled_from(sorted(tiff_tags.SIZES)),
    st.binary(min_size=1, max_size=9),
)
flat_tags = st.dictionaries(st.integers(1, 65535).filter(lambda tag: tag not in tiff_tags.NESTED), entries, max_size=9)


@given(tags=flat_tags, exif=flat_tags, gps=flat_tags)
def test_read_tags_gives_back_what_write_block_wrote(
    tags: dict[int, Entry], exif: dict[int, Entry], gps: dict[int, Entry]
) -> None:
    nested = {tiff_tags.EXIF_IFD: Entry(4, b"", exif), tiff_tags.GPS_IFD: Entry(4, b"", gps)}
    assert read_tags(write_block(tags | nested)) == tags | nested


def test_read_tags_turns_big_endian_values_and_reads_big_tiff() -> None:
    big_endian = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, 6, 0, 0)
    assert read_tags(big_endian) == {274: Entry(3, b"\6\0")}
    big_tiff = b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<QHHQQQ", 1, 305, 2, 2, 0x61, 0)
    assert read_tags(big_tiff) == {305: Entry(2, b"a\0")}


def test_add_tags_leaves_pixels_alone() -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(5, 12)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF", compression="tiff_lzw")
    data = add_tags(file.getvalue(), {305: Entry(2, b"a program\0"), 42113: Entry(2, b"7\0")})
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image), pixels)
        assert image.tag_v2[305] == "a program"  # type: ignore[attr-defined]


@given(block=st.binary(max_size=200), order=st.sampled_from([b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b""]))
def test_read_tags_of_anything_raises_nothing_but_a_value_error(block: bytes, order: bytes) -> None:
    with suppress(ValueError):
        read_tags(order + block)


def test_resolution_is_read_by_pillow_as_dots_an_inch() -> None:
    file = io.BytesIO()
    Image.new("L", (2, 2)).save(file, "TIFF")
    with Image.open(io.BytesIO(add_tags(file.getvalue(), tiff_tags.resolution((300, 72.5))))) as image:
        assert [float(value) for value in image.info["dpi"]] == pytest.approx([300, 72.5])
