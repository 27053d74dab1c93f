"""Forms of files: how a name tells the form, and how compressed files and JSON arrays are opened."""

import bz2
import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias, cast

import msgspec

from retail_anomaly.sources.base import SourceError

Compression: TypeAlias = Literal["gzip", "bz2"]
COMPRESSION: Final[dict[str, Compression]] = {".gz": "gzip", ".bz2": "bz2"}
# Read as JSON lines, each of these would be one long list of bad lines.
_NOT_READ: Final = dict.fromkeys((".zst", ".zip", ".xz", ".7z"), "decompress it") | dict.fromkeys(
    (".xlsx", ".xls", ".ods"), "save it as CSV"
)
DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error)
"""The errors of compressed files that are damaged; BZ2 raises an OSError without a number."""
# Enough for a byte order mark and some blank lines.
_BEGINNING: Final = 4_096


def name_and_form(path: Path) -> tuple[str, str]:
    """Split a file's name into the name and the form, without a compression and with the form in lower case.

    Raises
    ------
    SourceError
        The form is one that is not read.

    Examples
    --------
    >>> name_and_form(Path("out/pos-events.jsonl.gz")), name_and_form(Path("UPPER.CSV"))
    (('pos-events', '.jsonl'), ('UPPER', '.csv'))
    """
    if mend := _NOT_READ.get(path.suffix.lower()):
        raise SourceError(f"{path}: {path.suffix} files are not read: {mend} first")
    inner = path.with_suffix("") if compression_of(path) else path
    return inner.stem, inner.suffix.lower()


def compression_of(path: Path) -> Compression | None:
    """Return how a file is compressed, by its suffix.

    Examples
    --------
    >>> compression_of(Path("a.csv.GZ")), compression_of(Path("a.csv"))
    ('gzip', None)
    """
    return COMPRESSION.get(path.suffix.lower())


def parts_of(folder: Path) -> list[Path]:
    """Return the Parquet files in a folder that Spark has written as one table, in the order of their names.

    Examples
    --------
    >>> parts_of(Path("missing"))
    []
    """
    found = [file for file in folder.glob("*") if file.suffix.lower() == ".parquet" and file.is_file()]
    return sorted(file for file in found if not file.name.startswith((".", "_")))


@contextmanager
def opened_lines(path: Path) -> Iterator[tuple[Iterable[bytes], BinaryIO]]:
    """Open a file of JSON lines, or a ``.json`` file with one array, compressed or not.

    Yields
    ------
    lines
        The lines, or the elements of the array.
    file
        The file on disk; its position tells how much has been read.

    Raises
    ------
    SourceError
        A compressed file or an array is damaged.
    """
    compression = compression_of(path)
    with ExitStack() as stack, _undamaged(path, compression):
        file = stack.enter_context(path.open("rb"))
        lines: BinaryIO = file
        if compression == "gzip":
            lines = cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=file)))
        elif compression == "bz2":
            lines = cast("BinaryIO", stack.enter_context(bz2.BZ2File(file)))
        if name_and_form(path)[1] == ".json":
            start = lines.read(_BEGINNING).removeprefix(BOM_UTF8).lstrip()
            lines.seek(0)
            if start.startswith(b"["):
                yield _elements(path, lines.read()), file
                return
        yield lines, file


def _elements(path: Path, array: bytes) -> list[bytes]:
    try:
        return [
            bytes(raw) for raw in msgspec.json.decode(array.removeprefix(BOM_UTF8), type=list[msgspec.Raw])
        ]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        detail = str(error).removeprefix("JSON is malformed: ")
        raise SourceError(f"{path} can't be read as a JSON array ({detail}): is it complete?") from None


@contextmanager
def _undamaged(path: Path, compression: str | None) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise SourceError(f"{path} can't be read as {compression} ({error}): is it complete?") from None
    except OSError as error:
        if compression is None or error.errno is not None:
            raise
        raise SourceError(f"{path} can't be read as {compression} ({error}): is it complete?") from None
