"""The parts of JPEG, PNG and WebP files: what lies beside the pixels, what of it is kept, and what must be told.

Sources: ITU-T T.81 (JPEG) annex B; W3C PNG, third edition, 2025; RFC 9649 (WebP); ITU-T T.800
(JPEG 2000) annex I.
"""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from typing import Any, NamedTuple

from . import tiff_tags
from .metadata import EXIF_HEADER, JPEG_START, holds_iptc, without_pictures

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_IN_JPEG, EXTENDED_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
XMP_IN_PNG = b"XML:com.adobe.xmp"
PHOTOSHOP, ICC_IN_JPEG, PREVIEWS, GAIN_MAP = b"Photoshop 3.0\0", b"ICC_PROFILE\0", b"MPF\0", b"urn:iso:std:iso:ts:21496"
PNG_LAYOUT = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iDOT", b"acTL", b"fcTL", b"fdAT")  # how the pixels lie
PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")
# Colour and time, which fit a filled photo as well; others only if their name says that they may be copied.
PNG_KEPT = (b"cHRM", b"cICP", b"gAMA", b"sRGB", b"tIME", b"mDCV", b"cLLI", b"sBIT", *PNG_TEXT)
PNG_NAMES = {b"eXIf": "EXIF", b"iCCP": "ICC profile", b"pHYs": "dpi", b"caBX": "content credentials (C2PA)"}
WEBP_NAMES = {b"ICCP": "ICC profile", b"EXIF": "EXIF", b"XMP ": "XMP"}
JPEG2000_NAMES = {  # what a JPEG 2000's boxes named uuid begin with
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "XMP",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "IPTC",
    bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03"): "GeoTIFF keys",
    b"JpgTiffExif->JP2": "EXIF",
}
WEBP_LAYOUT = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF")
RAW_NAME = b"Raw profile type "
RAW_PROFILE = re.compile(rb"\n\s*\w+\n\s*\d+\n([0-9a-fA-F\s]*)")  # ImageMagick's way to keep a block in a PNG text

GAIN_MAP_NAME, PICTURES_NAME, VIDEO_NAME = "gain map (HDR)", "further pictures (a preview or a depth map)", "video"


class Part(NamedTuple):
    """A segment of a JPEG file, or a chunk of a PNG or WebP file."""

    kind: bytes  # a JPEG marker, or a chunk's name
    body: bytes


def jpeg_parts(data: bytes) -> tuple[list[Part], bytes]:
    """Read the segments of a JPEG file up to its pixels, and the bytes that follow its picture."""
    parts: list[Part] = []
    at, scanned = 2, False
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker == 0xD9:
            return parts, data[at + 2 :]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if not scanned:
            parts.append(Part(data[at : at + 2], data[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == 0xDA:
            scanned = True
            at = _end_of_scan(data, at)
    return parts, b""


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the next marker stands: within a scan a 0 or a restart marker follows every 0xFF."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] not in (0x00, *range(0xD0, 0xD8)):
            return at
        at += 2


def png_parts(data: bytes) -> tuple[list[Part], bytes]:
    """Read the chunks of a PNG file, and the bytes that follow its end."""
    parts, at = [], len(PNG_SIGNATURE)
    while at + 8 <= len(data):
        (length,), name = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        parts.append(Part(name, data[at + 8 : at + 8 + length]))
        at += 12 + length
        if name == b"IEND":
            break
    return parts, data[at:]


def webp_parts(data: bytes) -> list[Part]:
    """Read the chunks of a WebP file."""
    parts, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        parts.append(Part(data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return parts


def add_to_jpeg(data: bytes, parts: list[Part]) -> bytes:
    """Put segments into a JPEG file, behind those that it begins with."""
    at = 2
    while data[at : at + 1] == b"\xff" and (0xE0 <= data[at + 1] <= 0xEF or data[at + 1] == 0xFE):
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    added = b"".join(part.kind + struct.pack(">H", len(part.body) + 2) + part.body for part in parts)
    return data[:at] + added + data[at:]


def add_to_png(data: bytes, parts: list[Part]) -> bytes:
    """Put chunks into a PNG file, right behind its header."""
    at = len(PNG_SIGNATURE) + 25
    return data[:at] + b"".join(map(png_chunk, parts)) + data[at:]


def png_metadata(held: dict[str, Any]) -> list[Part]:
    """Write ICC profile, EXIF and dpi as the chunks of a PNG."""
    parts = []
    if "icc_profile" in held:
        parts.append(Part(b"iCCP", b"ICC profile\0\0" + zlib.compress(held["icc_profile"])))
    if "exif" in held:
        parts.append(Part(b"eXIf", held["exif"].removeprefix(EXIF_HEADER)))
    if "dpi" in held:
        across, down = (round(float(value) / 0.0254) for value in held["dpi"])
        parts.append(Part(b"pHYs", struct.pack(">IIB", across, down, 1)))
    return parts


def png_chunk(part: Part) -> bytes:
    """Write a PNG chunk."""
    kind, body = part
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def kept_of_jpeg(data: bytes) -> list[Part]:
    """Read what a filled JPEG still holds beside what Pillow writes: other programs' segments.

    Not those that tell of other pictures, or sign the pixels, nor Photoshop's, in which IPTC lies. Pictures in the rest
    are blanked.
    """
    parts, _ = jpeg_parts(data)
    ours = (EXIF_HEADER, XMP_IN_JPEG, EXTENDED_XMP, ICC_IN_JPEG, PREVIEWS, GAIN_MAP, PHOTOSHOP)
    written = (b"\xff\xe0", b"\xff\xee", b"\xff\xeb")  # JFIF and Adobe's, which Pillow writes, and content credentials
    kept = [
        part
        for part in parts
        if 0xE0 <= part.kind[1] <= 0xEF and part.kind not in written and not part.body.startswith(ours)
    ]
    rest = without_pictures(b"".join(part.body for part in kept))  # a large one goes on in the next segment
    ends = list(itertools.accumulate(len(part.body) for part in kept))
    return [part._replace(body=rest[end - len(part.body) : end]) for part, end in zip(kept, ends, strict=True)]


def photoshop_of_jpeg(data: bytes) -> bytes:
    """Read Photoshop's resources in a JPEG file, in which IPTC lies."""
    found = [body for kind, body in jpeg_parts(data)[0] if kind == b"\xff\xed" and body.startswith(PHOTOSHOP)]
    return b"".join(body[len(PHOTOSHOP) :] for body in found)


def comments_of_jpeg(data: bytes) -> list[bytes]:
    """Read the comments in a JPEG file."""
    return [body for kind, body in jpeg_parts(data)[0] if kind == b"\xff\xfe"]


def kept_of_png(data: bytes) -> list[Part]:
    """Read what a filled PNG still holds beside pixels, EXIF, XMP, ICC profile and dpi."""
    return [
        part
        for part in png_parts(data)[0]
        if (part.kind in PNG_KEPT or (part.kind[3:4].islower() and part.kind not in (*PNG_LAYOUT, *PNG_NAMES)))
        and not part.body.startswith(XMP_IN_PNG)
        and raw_profile(part) is None
        and not JPEG_START.search(_raw_block(part)[1])
    ]


def raw_profile(part: Part) -> tuple[str, bytes] | None:
    """Read the EXIF or XMP block that a PNG's text holds as hexadecimal digits: its name, exif or xmp, and bytes."""
    name, block = _raw_block(part)
    kind = {b"exif": "exif", b"app1": "exif", b"xmp": "xmp"}.get(name)
    if kind is not None and block.startswith(XMP_IN_JPEG):
        return "xmp", block[len(XMP_IN_JPEG) :]
    return None if kind is None else (kind, block)


def _raw_block(part: Part) -> tuple[bytes, bytes]:
    """The name of the block that a PNG's text holds as hexadecimal digits, and its bytes; nothing for other parts."""
    name, _, rest = part.body.partition(b"\0")
    if part.kind not in PNG_TEXT or not name.startswith(RAW_NAME):
        return b"", b""
    try:
        text = {b"tEXt": lambda: rest, b"zTXt": lambda: _inflated(rest[1:])}.get(part.kind, lambda: _itxt(rest))()
        digits = RAW_PROFILE.match(text)
        block = bytes.fromhex(digits[1].decode("ascii")) if digits else b""
    except (zlib.error, ValueError):
        block = b""
    return name[len(RAW_NAME) :].lower(), block


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, 1 << 26)


def _itxt(rest: bytes) -> bytes:
    compressed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    return _inflated(text) if compressed else text


def inventory(data: bytes, format: str) -> set[str]:
    """Name all that a file holds beside its pixels, in words that are the same for every container."""
    if format in ("JPEG", "MPO"):
        return _in_jpeg(data)
    if format == "PNG":
        parts, after = png_parts(data)
        names = {_name_in_png(part) for part in parts if part.kind not in PNG_LAYOUT}
        return names | _behind(after)
    if format == "WEBP":
        return {
            WEBP_NAMES.get(part.kind, f"chunk {part.kind.decode('latin1')!r}")
            for part in webp_parts(data)
            if part.kind not in WEBP_LAYOUT
        }
    if format == "TIFF":
        return _in_tiff(data)
    if format == "JPEG2000":
        return _in_jpeg2000(data)
    if format == "GIF" and b"XMP DataXMP" in data:
        return {"XMP"}
    if format == "AVIF" and b"tmap" in data[:4096]:
        return {GAIN_MAP_NAME}
    return set()


def _in_jpeg(data: bytes) -> set[str]:
    parts, after = jpeg_parts(data)
    names = _behind(after)
    for kind, body in parts:
        if kind == b"\xff\xfe":
            names.add("comment")
        elif kind == b"\xff\xe1" and body.startswith(EXIF_HEADER):
            names.add("EXIF")
        elif body.startswith(XMP_IN_JPEG):
            names |= {"XMP"} | ({GAIN_MAP_NAME} if b"hdrgm" in body else set())
        elif body.startswith(EXTENDED_XMP):
            names.add("extended XMP")
        elif body.startswith(ICC_IN_JPEG):
            names.add("ICC profile")
        elif body.startswith(GAIN_MAP):
            names.add(GAIN_MAP_NAME)
        elif kind == b"\xff\xed" and body.startswith(PHOTOSHOP):
            names.add("IPTC" if holds_iptc(body) else "Photoshop's settings")
        elif kind == b"\xff\xeb":
            names.add("content credentials (C2PA)" if b"c2pa" in body else "APP11")
        elif 0xE1 <= kind[1] <= 0xEF and kind != b"\xff\xee" and not body.startswith(PREVIEWS):
            label = re.match(rb"[\x20-\x7e]{0,20}", body)
            names.add(f"APP{kind[1] - 0xE0} {label[0].decode() if label else ''}".strip())
    return names


def _in_jpeg2000(data: bytes) -> set[str]:
    names, at = set(), 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + length]
        if kind == b"uuid":
            names.add(JPEG2000_NAMES.get(body[:16], "uuid box"))
        elif kind == b"xml ":
            names.add("XML")
        elif kind == b"colr" and body[:1] in (b"\2", b"\3"):
            names.add("ICC profile")
        if length < 8:  # the last box, or one beyond 4 GB
            break
        at += 8 if kind == b"jp2h" else length  # this one holds boxes
    return names


def _behind(after: bytes) -> set[str]:
    """Name what follows the end of a picture."""
    names: set[str] = set()
    if not after.strip(b"\0"):
        return names
    if b"\xff\xd8\xff" in after:
        names.add(GAIN_MAP_NAME if b"hdrgm" in after or GAIN_MAP in after else PICTURES_NAME)
    if b"ftyp" in after:
        names.add(VIDEO_NAME)
    return names or {f"{len(after):,} bytes after the picture"}


def _name_in_png(part: Part) -> str:
    if part.body.startswith(XMP_IN_PNG):
        return "XMP"
    raw = raw_profile(part)
    if raw is not None:
        return {"exif": "EXIF", "xmp": "XMP"}[raw[0]]
    if JPEG_START.search(_raw_block(part)[1]):
        return "Photoshop's settings"
    return "text" if part.kind in PNG_TEXT else PNG_NAMES.get(part.kind, part.kind.decode("latin1"))


def _in_tiff(data: bytes) -> set[str]:
    try:
        tags = tiff_tags.read_tags(data)
    except ValueError:
        return set()
    names = {tiff_tags.XMP: "XMP", tiff_tags.IPTC: "IPTC", tiff_tags.ICC_PROFILE: "ICC profile"}
    names |= dict.fromkeys(tiff_tags.RESOLUTION, "dpi") | dict.fromkeys(tiff_tags.GEOTIFF, "GeoTIFF keys")
    names |= {tiff_tags.SUB_IFDS: PICTURES_NAME, tiff_tags.PHOTOSHOP_LAYERS: "Photoshop's layers"}
    names |= {tiff_tags.PHOTOSHOP: "Photoshop's settings"}
    return {names.get(tag, "EXIF") for tag in tags if tag not in tiff_tags.LAYOUT}
