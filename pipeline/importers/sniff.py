"""What kind of file are these bytes, and in which encoding is the text?

Names lie (a picture renamed to .csv), so only the bytes are asked.
"""

import io
import re
import zipfile
from typing import Literal

from pipeline.importers.grid import ImportRefused

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"BM", "a picture (BMP)"),
    (b"RIFF", "a picture or sound file"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"BZh", "a bzip2 archive: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\xfd7zXZ", "an xz archive: unpack it first"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKUP = re.compile(rb"\s*(?:<!doctype|<html|<table|<\?xml|\{\\rtf)", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ENCODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_SAMPLE = 65_536


def kind_of(data: bytes, *, name: str) -> Literal["text", "xlsx"]:
    """Text or workbook, or ImportRefused with what the file really is."""
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise ImportRefused(f"{name} is empty: it holds no headings and no rows.")
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        return _kind_of_archive(data, name)
    if data.startswith(_OLE):
        raise ImportRefused(
            f"{name} is an old Excel file (.xls) or a workbook with a password. "
            "Save it as .xlsx without a password, or as CSV."
        )
    for magic, what in _MAGIC:
        # "BM" alone could begin a heading; a BMP has its zero bytes in the header
        if data.startswith(magic) and not (magic == b"BM" and b"\0" not in data[:16]):
            raise ImportRefused(f"{name} is {what}, not a table of deals.")
    if _MARKUP.match(data[:512].removeprefix(b"\xef\xbb\xbf")):
        raise ImportRefused(
            f"{name} is a web page or XML under another name. Save it as .xlsx or as CSV."
        )
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")[:2] in (b'{"', b"[{", b"{\n", b"{\r", b"[\n"):
        raise ImportRefused(f"{name} is JSON. Export the deals as CSV or XLSX.")
    return "text"


def _kind_of_archive(data: bytes, name: str) -> Literal["xlsx"]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        raise ImportRefused(f"{name} is a damaged XLSX or zip file.") from None
    if "[Content_Types].xml" in names and any(n.startswith("xl/") for n in names):
        return "xlsx"
    if "content.xml" in names:
        raise ImportRefused(f"{name} is an OpenDocument file. Save it as .xlsx or as CSV.")
    if any(n.startswith("xl/") and n.endswith(".bin") for n in names):
        raise ImportRefused(f"{name} is a binary workbook (.xlsb). Save it as .xlsx or as CSV.")
    raise ImportRefused(f"{name} is a zip archive, not a table. Unpack it first.")


def decode(data: bytes, *, name: str, encoding: str | None = None) -> tuple[str, str, list[str]]:
    """The text of the file, the encoding in words, and notes.

    Bytes that cannot be text inside a UTF-8 file come back as lone surrogates, so that the
    rows that hold them can be reported one by one.
    """
    if encoding is not None:
        return _decode_as(data, encoding, name)
    if data.startswith(b"\xef\xbb\xbf"):
        text, notes = _utf8(data[3:], name)
        return text, "UTF-8 with byte order mark", notes
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return data.decode("utf-32", errors="replace"), "UTF-32", []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _utf16(data, "utf-16", name), "UTF-16 with byte order mark", []
    guess = _utf16_without_mark(data)
    if guess is not None:
        note = "UTF-16 without a byte order mark was recognised by its zero bytes."
        return _utf16(data, guess, name), "UTF-16 without byte order mark", [note]
    _refuse_binary(data, name)
    try:
        return data.decode("utf-8"), "UTF-8", []
    except UnicodeDecodeError:
        pass
    if _is_damaged_utf8(data):
        text, notes = _utf8(data, name)
        return text, "UTF-8", notes
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise ImportRefused(
            f"{name} is text in an encoding that is neither UTF-8, UTF-16 nor Windows-1252. "
            "Name it with --encoding, e.g. --encoding windows-1251."
        ) from None
    note = "The file is not UTF-8, so it was read as Windows-1252 (--encoding to change)."
    return text, "Windows-1252", [note]


def _decode_as(data: bytes, encoding: str, name: str) -> tuple[str, str, list[str]]:
    try:
        text = data.decode(encoding)
    except (LookupError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise ImportRefused(f"{name} is not text in the encoding {encoding}.") from None
        raise ImportRefused(f"There is no text encoding named {encoding!r}.") from None
    if not isinstance(text, str):  # e.g. "rot13" gives no text from bytes
        raise ImportRefused(f"{encoding!r} is not a text encoding.")
    return text.removeprefix("\ufeff"), encoding, []


def _utf8(data: bytes, name: str) -> tuple[str, list[str]]:
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        _refuse_binary(data, name)
        note = "The file holds bytes that are not UTF-8; the rows with them are reported."
        return data.decode("utf-8", errors="surrogateescape"), [note]


def _utf16(data: bytes, codec: str, name: str) -> str:
    if len(data) % 2:
        data = data[:-1]  # a cut-off last byte costs the last character, not the file
    text = data.decode(codec, errors="surrogatepass")
    sample = text[:4096]
    strange = sum(1 for ch in sample if ch < " " and ch not in "\t\r\n\f\v")
    if sample and strange > len(sample) // 4:
        raise ImportRefused(f"{name} is not a table: its bytes are no text.")
    return text.removeprefix("\ufeff")


def _utf16_without_mark(data: bytes) -> str | None:
    sample = data[:_SAMPLE]
    half = len(sample) // 2
    if half < 4:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > half * 0.6 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.6 and odd < half * 0.05:
        return "utf-16-be"
    return None


def _refuse_binary(data: bytes, name: str) -> None:
    sample = data[:_SAMPLE]
    strange = len(_CONTROL.findall(sample)) + sample.count(0)
    if strange > max(8, len(sample) // 20):
        raise ImportRefused(f"{name} is not a table: its bytes are no text.")


def _is_damaged_utf8(data: bytes) -> bool:
    """UTF-8 with a few broken places, or another encoding? In Windows-1252 text a byte pair
    that happens to be valid UTF-8 is very rare, so the majority decides."""
    text = data.decode("utf-8", errors="surrogateescape")
    surrogates = len(_ENCODED_SURROGATE.findall(data))
    invalid = sum(1 for ch in text if "\udc80" <= ch <= "\udcff") - 3 * surrogates
    valid = sum(1 for ch in text if ch > "\x7f" and not "\udc80" <= ch <= "\udcff") + surrogates
    return valid > invalid
