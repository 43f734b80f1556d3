"""Pictures in, pictures out: bytes of a PNG file, without a library for pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from snakeden import tool

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@tool(media_type="image/png", timeout_ms=10_000)
def invert(image: bytes, strength: float = 1.0) -> bytes:
    """Invert the colours of a PNG picture of 8 bits a channel; transparency stays.

    `strength` is 1.0 for the negative, and 0.0 for the picture itself.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}; allowed: 0 to 1")
    chunks = dict(_chunks(image))
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(colour)
    if depth != 8 or channels is None or chunks[b"IHDR"][12] != 0:
        raise ValueError("this example reads PNG files of 8 bits a channel, not interlaced")
    rows = _rows(zlib.decompress(chunks[b"IDAT"]), width * channels, channels)
    table = bytes(round(it + (255 - 2 * it) * strength) for it in range(256))
    has_alpha = colour in (4, 6)
    out = bytearray()
    for row in rows:
        inverted = bytearray(row.translate(table))
        if has_alpha:
            inverted[channels - 1 :: channels] = row[channels - 1 :: channels]
        out += b"\0" + inverted
    return _png(chunks[b"IHDR"], zlib.compress(bytes(out)))


@tool
def size(image: bytes) -> dict[str, int]:
    """Return the width and the height of a PNG picture."""
    width, height = struct.unpack_from(">II", dict(_chunks(image))[b"IHDR"])
    return {"width": width, "height": height, "bytes": len(image)}


@tool(media_type="image/png")
def gradient(width: int = 64, height: int = 64) -> bytes:
    """Draw a picture that fades from black to red and green."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (
        b"\0" + bytes(v for x in range(width) for v in (x * 255 // width, y * 255 // height, 0))
        for y in range(height)
    )
    return _png(head, zlib.compress(b"".join(rows)))


def _chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of a PNG file by name, those of pixels as one."""
    if not image.startswith(_SIGNATURE):
        raise ValueError("the image is not a PNG file")
    pixels = bytearray()
    at = len(_SIGNATURE)
    while at + 8 <= len(image):
        length, name = struct.unpack_from(">I4s", image, at)
        data = image[at + 8 : at + 8 + length]
        if name == b"IDAT":
            pixels += data
        else:
            yield name, data
        at += length + 12
    yield b"IDAT", bytes(pixels)


def _rows(data: bytes, width: int, step: int) -> Iterator[bytes]:
    """Yield the rows of pixels with their filters undone (https://www.w3.org/TR/png/#9Filters)."""
    before = bytearray(width)
    for start in range(0, len(data), width + 1):
        kind = data[start]
        row = bytearray(data[start + 1 : start + 1 + width])
        for i in range(width if kind else 0):
            left = row[i - step] if i >= step else 0
            corner = before[i - step] if i >= step else 0
            row[i] = (row[i] + _predicted(kind, left, above=before[i], corner=corner)) & 0xFF
        yield bytes(row)
        before = row


def _predicted(kind: int, left: int, *, above: int, corner: int) -> int:
    if kind < 4:
        return (0, left, above, (left + above) // 2)[kind]
    estimate = left + above - corner
    # min() takes the first of several that are equal, as PNG wants it.
    return min((left, above, corner), key=lambda it: abs(estimate - it))


def _png(head: bytes, pixels: bytes) -> bytes:
    chunks = ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
