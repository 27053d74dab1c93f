"""Files of JSON: lines, or one array, compressed or not."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import msgspec

from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.stored_file import StoredFile, form_in

# Enough for a byte order mark and some blank lines.
_BEGINNING: Final = 4_096


@contextmanager
def opened_lines(file: StoredFile) -> Iterator[tuple[Iterable[bytes], BinaryIO]]:
    """Open a file of JSON lines, or a ``.json`` file with one array.

    Yields
    ------
    lines
        The lines, or the elements of the array.
    stored
        The file as it is stored; its position tells how much has been read.

    Raises
    ------
    SourceError
        A compressed file or an array is damaged.
    """
    if form_in(file) == ".json":
        with file.seekable() as content:
            start = content.read(_BEGINNING).removeprefix(BOM_UTF8).lstrip()
            content.seek(0)
            if start.startswith(b"["):
                yield _elements(file.name, content.read()), content
                return
            yield content, content
            return
    with file.opened() as (content, stored):
        yield content, stored


def _elements(name: str, array: bytes) -> list[bytes]:
    try:
        return [
            bytes(raw) for raw in msgspec.json.decode(array.removeprefix(BOM_UTF8), type=list[msgspec.Raw])
        ]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        detail = str(error).removeprefix("JSON is malformed: ")
        raise SourceError(f"{name} can't be read as a JSON array ({detail}): is it complete?") from None
