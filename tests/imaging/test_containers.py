"""The parts of JPEG, PNG and WebP files."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inpaint_hub.imaging import containers, encoding, photo
from inpaint_hub.imaging.containers import Part


def file_of(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 90).save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_parts_ends_where_the_picture_ends(progressive: bool) -> None:
    data = file_of("JPEG", progressive=progressive, restart_marker_rows=1)
    parts, after = containers.jpeg_parts(data + b"behind")
    assert after == b"behind"
    assert parts[0].kind == b"\xff\xe0"
    assert parts[-1].kind == b"\xff\xda"


def test_what_is_added_is_read_again_and_the_picture_stays() -> None:
    jpeg = containers.add_to_jpeg(file_of("JPEG"), [Part(b"\xff\xe9", b"mine"), Part(b"\xff\xfe", b"note")])
    assert containers.kept_of_jpeg(jpeg) == [Part(b"\xff\xe9", b"mine")]
    assert containers.comments_of_jpeg(jpeg) == [b"note"]
    png = containers.add_to_png(file_of("PNG"), [Part(b"teSt", b"mine")])
    assert Part(b"teSt", b"mine") in containers.kept_of_png(png)
    for data in (jpeg, png):
        Image.open(io.BytesIO(data)).load()


@given(data=st.binary(max_size=300), format=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF", "JPEG2000"]))
def test_inventory_of_anything_raises_nothing(data: bytes, format: str) -> None:
    starts = {"JPEG": b"\xff\xd8\xff", "PNG": containers.PNG_SIGNATURE, "WEBP": b"RIFF....WEBP", "TIFF": b"II*\0"}
    containers.inventory(starts.get(format, b"") + data, format)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "JPEG2000"])
def test_inventory_of_a_bare_picture_is_empty(format: str) -> None:
    assert containers.inventory(file_of(format), format) == set()


def test_inventory_names_what_the_boxes_of_a_jpeg_2000_hold() -> None:
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    data = file_of("JPEG2000")
    at = data.index(b"jp2c") - 4
    profile = box(b"jp2h", box(b"colr", b"\2\0\0profile"))
    xmp = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + b"<x/>")
    found = containers.inventory(data[:at] + profile + xmp + box(b"xml ", b"<a/>") + data[at:], "JPEG2000")
    assert found == {"ICC profile", "XMP", "XML"}
    taken = photo.decode(data[:at] + xmp + data[at:], "a.jp2")
    _, notes = encoding.encode(taken, taken.image, np.zeros((30, 40), bool), "JPEG2000")
    assert notes == [encoding.LEFT_OUT.format(format="JPEG2000", names="XMP")]
