"""The files of an export: a folder or a zip, which is read and never unpacked."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final, Protocol

from retail_anomaly.core.errors import RetailAnomalyError

# Tables of a till are packed to a tenth of their size, seldom to a thirtieth; zeros to a thousandth.
_MOST_PACKED: Final = 200
_ALWAYS_FINE: Final = 10_000_000  # bytes
_MOST_FILES: Final = 10_000
# A file that ends or turns bad while it is read.
DAMAGED: Final = (EOFError, zlib.error, zipfile.BadZipFile)


class ExportError(RetailAnomalyError):
    """An export can't be read; the text names the export, the place in it and the next step.

    Examples
    --------
    >>> str(ExportError("till.zip: no index.xml in it"))
    'till.zip: no index.xml in it'
    """


class ExportFiles(Protocol):
    """The files of one export by name; the parts of a name are separated by slashes."""

    name: str
    names: list[str]

    def open(self, name: str) -> IO[bytes]:
        """Open one of `names`."""


class _Folder:
    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self.names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())

    def open(self, name: str) -> IO[bytes]:
        return (self._path / name).open("rb")


class _Zip:
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.name = str(path)
        self._archive = archive
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _refuse_unsafe(self.name, entries)
        self.names = [entry.filename for entry in entries]

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


@contextmanager
def export_files(path: Path | str) -> Iterator[ExportFiles]:
    """Open a folder or a zip.

    Parameters
    ----------
    path
        The folder or the zip.

    Yields
    ------
    ExportFiles
        Its files.

    Raises
    ------
    ExportError
        There is none, it is no zip, or it is a zip that would unpack to far more than it holds or whose names
        lead out of it.

    Examples
    --------
    >>> with export_files("nowhere"):
    ...     pass
    Traceback (most recent call last):
    retail_anomaly.sources.importers.export_files.ExportError: nowhere: no such file or folder
    """
    path = Path(path)
    if path.is_dir():
        yield _Folder(path)
        return
    if not path.exists():
        raise ExportError(f"{path}: no such file or folder")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise ExportError(
            f"{path}: expected a folder or a whole zip file; if it was cut off, export or copy it again"
        ) from None
    with archive:
        yield _Zip(path, archive)


def _refuse_unsafe(name: str, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > _MOST_FILES:
        raise ExportError(f"{name}: {len(entries):,} files in it; an export of a till has about 20")
    for entry in entries:
        if leads_out(entry.filename) or stat.S_ISLNK(entry.external_attr >> 16):
            raise ExportError(f"{name}: {entry.filename!r} leads out of the zip: refused")
        if entry.flag_bits & 1:
            raise ExportError(
                f"{name}: {entry.filename!r} has a password: unpack the zip into a folder first"
            )
    packed = sum(entry.compress_size for entry in entries)
    unpacked = sum(entry.file_size for entry in entries)
    biggest = max(entries, key=lambda entry: entry.file_size / max(entry.compress_size, 1), default=None)
    if biggest is not None and (
        _is_bomb(biggest.compress_size, biggest.file_size) or _is_bomb(packed, unpacked)
    ):
        raise ExportError(
            f"{name}: {biggest.filename!r} would unpack to {biggest.file_size:,} bytes from "
            f"{biggest.compress_size:,}: refused as a zip bomb; if it is none, unpack it into a folder first"
        )


def _is_bomb(packed: int, unpacked: int) -> bool:
    return unpacked > _ALWAYS_FINE and unpacked > _MOST_PACKED * packed


def leads_out(name: str) -> bool:
    r"""Tell whether a name in an export leads to a file outside of it.

    Examples
    --------
    >>> leads_out("../passwd"), leads_out("/etc/passwd"), leads_out("C:\\x"), leads_out("till/lines.csv")
    (True, True, True, False)
    """
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or (path.parts[:1] != () and path.parts[0].endswith(":"))
