"""EXIF, XMP and Photoshop blocks of any container, as they are right for a photo that was turned upright and filled.

Orientation becomes 1, since the pixels were turned. Pictures inside are taken out, since they show what was filled. So
are claims to pictures and videos that follow the photo, since those are not written.
"""

from __future__ import annotations

import re
import struct

EXIF_HEADER = b"Exif\0\0"
ORIENTATION, THUMBNAIL_AT, THUMBNAIL_LENGTH = 274, 513, 514  # EXIF tags
JPEG_START = re.compile(rb"\xff\xd8\xff[\xc0\xc4\xdb\xe0\xe1\xee\xfe]")
PHOTOSHOP_THUMBNAILS = (1033, 1036)

_NAME = r"(?:[\w.-]+:)?"  # a namespace's prefix, of anyone's choice
_XMP_ORIENTATION = re.compile(
    rf"""(\b{_NAME}Orientation\s*=\s*["']\s*|<{_NAME}Orientation\b[^<>]*>\s*)[2-8](?=\s*(?:["']|</))"""
)
# What holds a picture, or says that one or a video follows. Names with a star: of that namespace, whatever the rest.
_STALE = (
    r"(?:[\w.-]+:)?(?:Thumbnails|MotionPhoto\w*|MicroVideo\w*|HasExtendedXMP)"
    r"|(?:GContainer|Container|GDepth|GImage|GCamera:Depth|hdrgm|HDRGainMap|apdi|AppleHDRGainMap)\w*:\w+"
)
_STALE_ATTRIBUTE = re.compile(rf"""\s+(?:{_STALE})\s*=\s*(?:"[^"]*"|'[^']*')""")
_STALE_ELEMENT = re.compile(rf"<({_STALE})\b[^<>]*?(?:/>|(?<!/)>.*?</\1\s*>)", re.DOTALL)


def upright_exif(exif: bytes) -> bytes:
    """Make EXIF right for an upright photo: orientation 1, and no picture inside; no other byte is touched.

    Pillow's own writer would move the maker's notes, which point into the block by absolute offsets.

    Returns:
        The block, with its header if it came with one; nothing for broken EXIF.
    """
    start = len(EXIF_HEADER) if exif.startswith(EXIF_HEADER) else 0
    block = bytearray(exif[start:])
    order = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if order is None:
        return b""
    try:
        (first,) = struct.unpack_from(order + "I", block, 4)
        entries = _entries(block, first, order)
        if ORIENTATION in entries:
            kind, _ = struct.unpack_from(order + "HI", block, entries[ORIENTATION] - 6)
            struct.pack_into(order + {1: "B", 4: "I"}.get(kind, "H"), block, entries[ORIENTATION], 1)
        link = first + 2 + 12 * struct.unpack_from(order + "H", block, first)[0]
        (second,) = struct.unpack_from(order + "I", block, link) if link + 4 <= len(block) else (0,)
        if second:
            thumbnail = _entries(block, second, order)
            at, length = (
                struct.unpack_from(order + "I", block, thumbnail[tag])[0] if tag in thumbnail else 0
                for tag in (THUMBNAIL_AT, THUMBNAIL_LENGTH)
            )
            block[at : at + length] = bytes(len(block[at : at + length]))
            struct.pack_into(order + "I", block, link, 0)
    except struct.error:
        return b""
    return exif[:start] + without_pictures(bytes(block))


def without_pictures(block: bytes) -> bytes:
    """Blank every JPEG in a block, such as the previews in a maker's notes; its length stays."""
    blank = bytearray(block)
    for found in JPEG_START.finditer(block):
        end = block.find(b"\xff\xd9", found.start())
        end = len(block) if end < 0 else end + 2
        blank[found.start() : end] = bytes(end - found.start())
    return bytes(blank)


def _entries(block: bytearray, start: int, order: str) -> dict[int, int]:
    """Where the value of each tag of an EXIF directory stands."""
    (count,) = struct.unpack_from(order + "H", block, start)
    places = range(start + 2, start + 2 + 12 * count, 12)
    return {struct.unpack_from(order + "H", block, place)[0]: place + 8 for place in places}


def upright_xmp(xmp: bytes) -> bytes:
    """Make XMP right for an upright photo: orientation 1, no picture inside, no claim to one or a video behind.

    Returns:
        The packet in UTF-8; nothing where it is no text.
    """
    encoding = next(
        (name for mark, name in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")) if xmp.startswith(mark)), "utf-8-sig"
    )
    try:
        text = xmp.rstrip(b"\0" if encoding == "utf-8-sig" else b"").decode(encoding)
    except UnicodeDecodeError:
        return b""
    text = _XMP_ORIENTATION.sub(r"\g<1>1", text)
    return _STALE_ATTRIBUTE.sub("", _STALE_ELEMENT.sub("", text)).encode()


def without_thumbnail(resources: bytes) -> bytes:
    """Take the thumbnail out of Photoshop's resources (8BIM), among which IPTC is one; broken ones are dropped."""
    kept, at = b"", 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, at + 4)
        name_length = resources[at + 6] + 1
        head = at + 6 + name_length + name_length % 2
        if head + 4 > len(resources):
            break
        (length,) = struct.unpack_from(">I", resources, head)
        end = head + 4 + length + length % 2
        if number not in PHOTOSHOP_THUMBNAILS:
            kept += resources[at:end]
        at = end
    return kept


def holds_iptc(resources: bytes) -> bool:
    """Tell whether Photoshop's resources have an IPTC block."""
    return b"8BIM\x04\x04" in resources
