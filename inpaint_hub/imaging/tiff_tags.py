"""The tags of a TIFF file or an EXIF block, as bytes: Pillow loses some, and cannot compress beside others.

Source: Adobe, *TIFF, revision 6.0*, 1992; CIPA DC-008, *Exif*, version 2.32, 2019.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

# Bytes of a value, and of the words in it, by the number of its type.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
WORDS = {**SIZES, 5: 4, 10: 4}
LONG = 4

EXIF_IFD, GPS_IFD, INTEROP_IFD = 34665, 34853, 40965
NESTED = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
XMP, IPTC, PHOTOSHOP, ICC_PROFILE, PHOTOSHOP_LAYERS, SUB_IFDS, ORIENTATION = 700, 33723, 34377, 34675, 37724, 330, 274
RESOLUTION = (282, 283, 296)
BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANES = 258, 259, 262, 277, 284
EXTRA_SAMPLES, SAMPLE_FORMAT = 338, 339
GEOTIFF = (33550, 33922, 34264, 34735, 34736, 34737)
# How the pixels lie in the file: what is written decides these anew.
LAYOUT = {
    *range(254, 260), 262, 263, 264, 265, 266, 273, ORIENTATION, *range(277, 282), 284, *range(288, 294), 317, 320, 321,
    *range(322, 326), *range(332, 342), 347, *range(512, 522), *range(529, 533),
}  # fmt: skip
STALE = {SUB_IFDS, PHOTOSHOP_LAYERS}  # pictures that still show what was filled


class Entry(NamedTuple):
    """A tag's type, and its values' bytes, little-endian; or the tags of a directory that it points to."""

    kind: int
    data: bytes
    directory: dict[int, Entry] | None = None


def read_tags(block: bytes) -> dict[int, Entry]:
    """Read the tags of the first directory of a TIFF file or EXIF block, and of those that it points to.

    Raises:
        ValueError: The block is no TIFF, or broken.
    """
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        raise ValueError("no TIFF header")
    try:
        big = struct.unpack_from(order + "H", block, 2)[0] == 43
        (first,) = struct.unpack_from(order + ("Q" if big else "I"), block, 8 if big else 4)
        return _read_directory(block, first, order, big, depth=2)
    except (struct.error, IndexError, OverflowError) as error:
        raise ValueError(f"broken tags ({error})") from error


def _read_directory(block: bytes, at: int, order: str, big: bool, depth: int) -> dict[int, Entry]:
    step, pointer, head = (20, "Q", 8) if big else (12, "I", 2)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), block, at)
    if count > len(block) // step:
        raise ValueError(f"broken tags ({count} in {len(block)} bytes)")
    tags = {}
    for number in range(count):
        place = at + head + step * number
        tag, kind, values = struct.unpack_from(order + "HH" + pointer, block, place)
        size, value = SIZES.get(kind, 0) * values, place + step - (8 if big else 4)
        if not size:
            continue
        (offset,) = struct.unpack_from(order + pointer, block, value)
        if tag in NESTED and depth:
            if offset < len(block):
                tags[tag] = Entry(LONG, b"", _read_directory(block, offset, order, big, depth - 1))
            continue
        start = value if size <= (8 if big else 4) else offset
        data = block[start : start + size]
        if len(data) == size:
            words = np.frombuffer(data, f"{order}u{WORDS[kind]}")
            tags[tag] = Entry(kind, words.astype(f"<u{WORDS[kind]}").tobytes())
    return tags


def write_block(tags: dict[int, Entry]) -> bytes:
    """Write tags as a TIFF without pixels, which is what an EXIF block is."""
    return b"II*\0" + struct.pack("<I", 8) + _write_directory(tags, 8)


def resolution(dpi: tuple[float, float]) -> dict[int, Entry]:
    """Write a resolution in pixels an inch, horizontal and vertical, as tags."""
    across, down, unit = RESOLUTION
    rationals = (struct.pack("<II", round(1000 * float(value)), 1000) for value in dpi)
    return {**dict(zip((across, down), (Entry(5, each) for each in rationals), strict=True)), unit: Entry(3, b"\2\0")}


def add_tags(tiff: bytes, tags: dict[int, Entry]) -> bytes:
    """Add tags to a little-endian TIFF of one picture; where it has one of them already, it gets the new value."""
    if tiff[:4] != b"II*\0":
        raise ValueError("only a classic little-endian TIFF can be given tags")
    tiff += b"\0" * (len(tiff) % 2)
    directory = _write_directory(read_tags(tiff) | tags, len(tiff))
    return tiff[:4] + struct.pack("<I", len(tiff)) + tiff[8:] + directory


def _write_directory(tags: dict[int, Entry], at: int) -> bytes:
    """The directory's bytes if it begins at `at`, its values behind it."""
    entries, behind = b"", b""
    after = at + 2 + 12 * len(tags) + 4
    for tag, entry in sorted(tags.items()):
        if entry.directory is not None:
            value = struct.pack("<I", after + len(behind))
            behind += _write_directory(entry.directory, after + len(behind))
            entries += struct.pack("<HHI", tag, LONG, 1) + value
        else:
            value = entry.data
            if len(value) > 4:
                value = struct.pack("<I", after + len(behind))
                behind += entry.data
            entries += struct.pack("<HHI", tag, entry.kind, len(entry.data) // SIZES[entry.kind]) + value.ljust(
                4, b"\0"
            )
        behind += b"\0" * (len(behind) % 2)
    return struct.pack("<H", len(tags)) + entries + b"\0\0\0\0" + behind
