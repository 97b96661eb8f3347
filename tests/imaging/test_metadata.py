"""EXIF, XMP and Photoshop blocks of a photo that was turned and filled."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inpaint_hub.imaging.metadata import upright_exif, upright_xmp, without_pictures, without_thumbnail

PREVIEW = b"\xff\xd8\xff\xe0 a small picture \xff\xd9"


@pytest.mark.parametrize("header", [b"Exif\0\0", b""])
@pytest.mark.parametrize(("kind", "pack"), [(1, "<BBBB"), (3, "<HH"), (4, "<I")])
def test_upright_exif_sets_orientation_whatever_its_type(header: bytes, kind: int, pack: str) -> None:
    value = struct.pack(pack, *([6] + [0] * (len(pack) - 2)))
    block = b"II*\0" + struct.pack("<IHHHI", 8, 1, 274, kind, 1) + value + bytes(4)
    result = upright_exif(header + block)
    assert len(result) == len(header + block)
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + result.removeprefix(header))
    assert exif[274] == 1 or exif[274] == b"\1"


@given(block=st.binary(max_size=120))
def test_upright_exif_of_anything_raises_nothing(block: bytes) -> None:
    for order in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        upright_exif(order + block)


def test_without_pictures_blanks_previews_and_keeps_the_length() -> None:
    block = b"maker" + PREVIEW + b"note" + PREVIEW[:-2]
    result = without_pictures(block)
    assert result == b"maker" + bytes(len(PREVIEW)) + b"note" + bytes(len(PREVIEW) - 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a tiff:Orientation="8" b="8"/>', '<a tiff:Orientation="1" b="8"/>'),
        ("<Orientation>3</Orientation>", "<Orientation>1</Orientation>"),
        ('<x:Orientation rdf:datatype="int">6</x:Orientation>', '<x:Orientation rdf:datatype="int">1</x:Orientation>'),
        ('<a NotOrientation="6"/>', '<a NotOrientation="6"/>'),
        ("<a xmp:Rating='6' xmpNote:HasExtendedXMP='AB'/>", "<a xmp:Rating='6'/>"),
        ("<r><xmp:Thumbnails><x>P</x></xmp:Thumbnails><k/></r>", "<r><k/></r>"),
        ("<r><Container:Directory/><k/></r>", "<r><k/></r>"),
        ("<r GCamera:MicroVideo='1' GCamera:MicroVideoOffset = \"90\" k=''/>", "<r k=''/>"),
    ],
)
def test_upright_xmp_changes_orientation_and_claims_and_nothing_else(before: str, after: str) -> None:
    assert upright_xmp(before.encode()) == after.encode()
    assert upright_xmp(before.encode("utf-16")) == after.encode()


def test_upright_xmp_of_no_text_is_nothing() -> None:
    assert upright_xmp(b"\xff\x00\x80") == b""


def test_without_thumbnail_keeps_other_resources() -> None:
    iptc = b"8BIM\x04\x04\0\0" + struct.pack(">I", 3) + b"abc\0"
    thumbnail = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 4) + b"seen"
    named = b"8BIM\x07\xd0\x03one" + struct.pack(">I", 2) + b"xy"
    assert without_thumbnail(iptc + thumbnail + named) == iptc + named
    assert without_thumbnail(b"8BIM\x04\x0c") == b""
