"""Find the encoding of a CSV file: a first guess from its start, and a second guess for a file that
turns out to have another one.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

__all__ = ["Encoding", "first_guess", "second_guess"]

SURVEY_BYTES: Final = 1 << 20
MIN_NUL_SHARE: Final = 0.1

# UTF-32 before UTF-16, whose mark is the start of the mark of UTF-32.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PACKED: Final = (
    (b"\x1f\x8b\x08", "a gzip file"),
    (b"PK\x03\x04", "a zip archive, as .xlsx files are"),
    (b"\xd0\xcf\x11\xe0", "an Office document, as .xls files are"),
    (b"BZh91AY&SY", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_C1_CONTROLS: Final = "snakeden.c1_controls"


class Encoding(NamedTuple):
    """The way to decode a file."""

    name: str
    errors: str = "strict"
    warnings: tuple[str, ...] = ()

    @property
    def wide(self) -> bool:
        """True if characters may contain NUL bytes."""
        return self.name.startswith(("utf-16", "utf-32"))


def first_guess(path: str, head: bytes) -> Encoding:
    """Return the encoding that the first bytes of a file show; UTF-8 when they show none.

    Raises:
        ValueError: The file is compressed or binary.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name)
    for magic, kind in _PACKED:
        if head.startswith(magic):
            raise ValueError(f"cannot profile '{path}': it is {kind}; unpack or export it first")
    return _unmarked_wide(head) or Encoding("utf-8")


def second_guess(path: str, first: Encoding, *, error: UnicodeDecodeError) -> Encoding:
    """Return the encoding of a file that is invalid in the first one.

    A file with a byte order mark is damaged, and so is UTF-8 with at least as many valid as invalid
    characters: the invalid ones become U+FFFD. Anything else is read as Windows-1252, as browsers
    do.
    """
    good, broken = _survey(path, first.name)
    byte = f"byte {error.object[error.start]:#04x}"
    if first.name != "utf-8" or 0 < good >= broken:
        warning = (
            f"not everything is {first.name} ({byte}): "
            f"invalid bytes became U+FFFD (in {broken} places)"
        )
        return Encoding(first.name, "replace", (*first.warnings, warning))
    codecs.register_error(_C1_CONTROLS, _c1_control)
    warning = f"not UTF-8 ({byte}); read as Windows-1252 (cp1252), so some characters may be wrong"
    return Encoding("cp1252", _C1_CONTROLS, (warning,))


def _c1_control(error: UnicodeError) -> tuple[str, int]:
    """Decode the five bytes that cp1252 leaves undefined as the WHATWG encoding standard does."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


def _survey(path: str, encoding: str) -> tuple[int, int]:
    """Count the valid non-ASCII characters of a file, and its invalid places."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    good = broken = 0
    with open(path, "rb") as file:
        while True:
            data = file.read(SURVEY_BYTES)
            text = decoder.decode(data, not data)
            lost = text.count("\ufffd")
            broken += lost
            if not text.isascii():
                good += len(text) - len(text.encode("ascii", "ignore")) - lost
            if not data:
                return good, broken


def _unmarked_wide(head: bytes) -> Encoding | None:
    """Recognize UTF-16 or UTF-32 without a byte order mark: nearly all NUL bytes belong to ASCII
    characters, and so stand at regular positions.
    """
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd < max(1, MIN_NUL_SHARE * len(head)):
        return None
    names = ["utf-32-le", "utf-32-be"]
    if odd > 4 * even:
        names.append("utf-16-le")
    elif even > 4 * odd:
        names.append("utf-16-be")
    for name in names:
        try:
            text = codecs.getincrementaldecoder(name)().decode(head)
        except UnicodeDecodeError:
            continue
        ascii_chars = len(text.encode("ascii", "ignore"))
        if ascii_chars >= MIN_NUL_SHARE * len(text) > 0 and not _CONTROLS.search(text):
            return Encoding(name, "strict", (f"no byte order mark; read as {name}",))
    return None
