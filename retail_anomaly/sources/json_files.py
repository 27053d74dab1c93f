"""Files of JSON: lines, or one array, compressed or not."""

import io
import tempfile
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

import msgspec

from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.json_parts import json_parts
from retail_anomaly.sources.stored_file import StoredFile, form_in

# Enough for a byte order mark and some blank lines.
_BEGINNING: Final = 4_096
_DEPTH: Final = 3
_PART: Final = 1024 * 1024
_IN_MEMORY: Final = 8 * _PART
_MALFORMED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_decode_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@contextmanager
def opened_lines(file: StoredFile) -> Iterator[tuple[Iterable[bytes], BinaryIO]]:
    """Open a file of JSON lines, or a ``.json`` file with one array, bare or in an object.

    Yields
    ------
    lines
        The lines, or the elements of the array.
    stored
        The file as it is stored; its position tells how much has been read.

    Raises
    ------
    SourceError
        A compressed file or an array is damaged, or there are several arrays.
    """
    if form_in(file) == ".json":
        with file.seekable() as stored, _as_utf8(stored, file.name) as content:
            start = content.read(_BEGINNING).removeprefix(BOM_UTF8).lstrip()
            content.seek(0)
            if start.startswith(b"["):
                yield _elements(file.name, content.read()), content
                return
            if start.startswith(b"{") and (rows := _enveloped(file.name, content)) is not None:
                yield rows, content
                return
            content.seek(0)
            yield content, content
            return
    with file.opened() as (raw, stored), _as_utf8(raw, file.name) as content:
        yield content, stored


@contextmanager
def _as_utf8(content: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Give the bytes of a file that begins with the mark of UTF-16 in UTF-8, as PowerShell writes them."""
    peek = getattr(content, "peek", None)
    if peek is None or peek(2)[:2] not in (BOM_UTF16_LE, BOM_UTF16_BE):
        yield content
        return
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as whole:
        text = io.TextIOWrapper(content, "utf-16", errors="surrogatepass", newline="")
        try:
            while part := text.read(_PART):
                whole.write(part.encode("utf-8", "surrogatepass"))
        except UnicodeError as error:
            raise SourceError(f"{name} can't be read as UTF-16 ({error}): is it complete?") from None
        finally:
            text.detach()  # the file is closed by whoever opened it
        whole.seek(0)
        yield cast("BinaryIO", whole)


def _enveloped(name: str, content: BinaryIO) -> list[bytes] | None:
    """Return the rows in an object that holds an array of them, as APIs answer; None for lines of JSON."""
    first = content.readline().removeprefix(BOM_UTF8)
    try:
        found = _decode_object(first)
        if content.readline().strip():
            return None
    except _MALFORMED:
        content.seek(0)
        first = content.read().removeprefix(BOM_UTF8)
        members = _members(first)
        if members is None:
            return None
        found = members
    if "topic" in found:  # the only line of an event log
        return [first]
    arrays = _arrays(found)
    if not arrays:
        return [first]
    if len(arrays) > 1:
        raise SourceError(
            f"{name} has several arrays ({', '.join(list(arrays)[:5])}): write the one with the rows "
            "to a file of its own"
        )
    return _elements(name, *arrays.values())


def _members(raw: bytes) -> dict[str, msgspec.Raw] | None:
    """Return the values in an object by their key; None if it is no whole object."""
    try:
        return _decode_object(raw)
    except _MALFORMED:
        pass
    members = json_parts(raw)
    if members is None or not raw.lstrip().startswith(b"{"):
        return None
    found = {}
    for member in members:
        key, _, value = member.partition(b":")
        try:
            found[msgspec.json.decode(key, type=str)] = msgspec.Raw(value.strip())
        except _MALFORMED:
            return None
    return found


def _arrays(found: dict[str, msgspec.Raw], above: str = "") -> dict[str, bytes]:
    """Return the arrays of objects in an object and the objects in it, by their path."""
    arrays: dict[str, bytes] = {}
    for key, value in found.items():
        raw = bytes(value)
        if raw.startswith(b"[") and raw[1:].lstrip().startswith(b"{"):
            arrays[above + key] = raw
        elif raw.startswith(b"{") and above.count(".") < _DEPTH:
            arrays |= _arrays(_members(raw) or {}, f"{above}{key}.")
    return arrays


def _elements(name: str, array: bytes) -> list[bytes]:
    try:
        return [
            bytes(raw) for raw in msgspec.json.decode(array.removeprefix(BOM_UTF8), type=list[msgspec.Raw])
        ]
    except _MALFORMED as error:
        if (parts := json_parts(array.removeprefix(BOM_UTF8))) is not None:
            return parts  # the broken one costs itself
        detail = str(error).removeprefix("JSON is malformed: ")
        raise SourceError(f"{name} can't be read as a JSON array ({detail}): is it complete?") from None
