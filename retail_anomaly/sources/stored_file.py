"""Files, on disk or in object storage, compressed or not."""

import bz2
import gzip
import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from errno import EINVAL
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, Literal, TypeAlias, cast

from retail_anomaly.core.extras import require
from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.zstd import ZstdContent

Compression: TypeAlias = Literal["gzip", "bz2", "zstd", "zip"]
COMPRESSION: Final[dict[str, Compression]] = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".zip": "zip"}
_NOT_READ: Final = dict.fromkeys((".xz", ".7z", ".rar", ".tar", ".tgz"), "decompress it") | dict.fromkeys(
    (".xls", ".xlsb", ".ods"), "save it as .xlsx or CSV"
)
_DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile)
# Of a zip file with a password, and of one whose method Python does not know, such as Deflate64.
_NOT_UNZIPPED: Final = (RuntimeError, NotImplementedError)
_OF_ARROW: Final = ("s3", "gs", "gcs")
_IN_MEMORY: Final = 8 * 1024 * 1024
# As in a folder on disk: what writers keep for themselves, such as `_SUCCESS`.
_HIDDEN: Final = re.compile(r"/[._]")


class StoredFile:
    """A file by its path or its address, such as ``s3://bucket/sales.csv.gz``.

    Parameters
    ----------
    place
        The path or the address.

    Attributes
    ----------
    name
        The path or address as text, for messages.
    stem, form
        The name without its suffixes, and the suffix that tells the form, in lower case.
    compression
        How the file is compressed, or None.

    Raises
    ------
    SourceError
        The form is one that is not read.

    Examples
    --------
    >>> file = StoredFile("out/pos-events.JSONL.gz")
    >>> file.stem, file.form, file.compression
    ('pos-events', '.jsonl', 'gzip')
    """

    def __init__(self, place: str | Path) -> None:
        self.name = str(place)
        self.is_remote = is_address(place)
        path = PurePosixPath(self.name) if self.is_remote else Path(place)
        suffix = path.suffix.lower()
        if mend := _NOT_READ.get(suffix):
            raise SourceError(f"{self.name}: {path.suffix} files are not read: {mend} first")
        self.compression = COMPRESSION.get(suffix)
        inner = path.with_suffix("") if self.compression else path
        if self.compression and inner.suffix.lower() == ".tar":
            raise SourceError(f"{self.name}: .tar{path.suffix} files are not read: unpack it first")
        self.stem, self.form = inner.stem, inner.suffix.lower()

    def __repr__(self) -> str:
        return f"StoredFile({self.name!r})"

    @property
    def size(self) -> int:
        """Its size in bytes, as it is stored."""
        if self.is_remote:
            system, path = remote_system(self.name)
            return int(system.size(path) or 0)
        return Path(self.name).stat().st_size

    @contextmanager
    def opened(self, kind: str | None = None) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        """Open the content.

        Parameters
        ----------
        kind
            The form that a damaged file is not, in messages; None: its compression.

        Yields
        ------
        content
            The bytes, decompressed.
        stored
            The file as it is stored; its position tells how much has been read.

        Raises
        ------
        SourceError
            The file is damaged, or a zip file holds several.
        """
        with ExitStack() as stack, self._undamaged(kind):
            stored = stack.enter_context(self._stored())
            yield self._decompressed(stored, stack), stored

    @contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """Open the content as a file that can be read from any place."""
        with self.opened() as (content, stored):
            if content is stored and not self.is_remote:
                yield content
                return
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as whole:
                while block := content.read(1024 * 1024):
                    whole.write(block)
                whole.seek(0)
                yield cast("BinaryIO", whole)

    def _stored(self) -> BinaryIO:
        if self.is_remote:
            system, path = remote_system(self.name)
            return cast("BinaryIO", system.open(path, "rb"))
        return Path(self.name).open("rb")

    def _decompressed(self, stored: BinaryIO, stack: ExitStack) -> BinaryIO:
        if self.compression == "gzip":
            return cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=stored)))
        if self.compression == "bz2":
            return cast("BinaryIO", stack.enter_context(bz2.BZ2File(stored)))
        if self.compression == "zstd":
            return cast("BinaryIO", stack.enter_context(io.BufferedReader(ZstdContent(stored))))
        if self.compression == "zip":
            archive = stack.enter_context(zipfile.ZipFile(stored))
            return cast("BinaryIO", stack.enter_context(archive.open(self._only_member(archive))))
        return stored

    def _only_member(self, archive: zipfile.ZipFile) -> str:
        members = [m for m in archive.namelist() if not m.endswith("/") and not m.startswith("__MACOSX/")]
        if len(members) != 1:
            named = ", ".join(members[:5]) or "none"
            raise SourceError(
                f"{self.name} holds {len(members)} files ({named}): unpack it, and name the files"
            )
        return members[0]

    @contextmanager
    def _undamaged(self, kind: str | None = None) -> Iterator[None]:
        try:
            yield
        except _DAMAGED as error:
            raise self._damaged(error, kind) from None
        except OSError as error:
            # A zip file that is damaged may send its reader to a place before the beginning.
            if self.compression is None or error.errno not in (None, EINVAL):
                raise
            raise self._damaged(error, kind) from None
        except Exception as error:
            if type(error).__name__ == "ZstdError":
                raise self._damaged(error, kind) from None
            if self.compression == "zip" and type(error) in _NOT_UNZIPPED:
                detail = " ".join(str(error).split()).rstrip(".")
                raise SourceError(f"{self.name} can't be unzipped ({detail}): unpack it first") from None
            raise

    def _damaged(self, error: Exception, kind: str | None) -> SourceError:
        detail = " ".join(str(error).split()).rstrip(".")
        return SourceError(
            f"{self.name} can't be read as {kind or self.compression} ({detail}): is it complete?"
        )


def form_in(file: StoredFile) -> str:
    """Return the form of a file; that of a zip file with a bare name is that of the file in it.

    Examples
    --------
    >>> form_in(StoredFile("sales.csv"))
    '.csv'
    """
    if file.compression == "zip" and not file.form:
        with file._undamaged(), file._stored() as stored, zipfile.ZipFile(stored) as archive:
            return PurePosixPath(file._only_member(archive)).suffix.lower()
    return file.form


def is_address(place: object) -> bool:
    """Tell whether a place is an address of object storage, and no path.

    Examples
    --------
    >>> is_address("s3://bucket/a.csv"), is_address("a.csv"), is_address("C:/a.csv")
    (True, False, False)
    """
    return isinstance(place, str) and "://" in place


# Their paths begin at a root, and in no bucket.
_ROOTED: Final = frozenset({"file", "local", "memory"})


def remote_files(address: str) -> list[str]:
    """Return the addresses of the files that an address, one with wildcards or a folder stands for.

    Raises
    ------
    SourceError
        There is none, or the storage can't be reached.
    UsageError
        The extra `cloud` is not installed.
    """
    system, path = remote_system(address)
    scheme = address.partition("://")[0]
    try:
        if any(sign in path for sign in "*?["):
            found = sorted(system.glob(path))
        elif system.isfile(path):
            return [address]
        else:
            below = len(path.rstrip("/")) + 1
            found = sorted(name for name in system.find(path) if not _HIDDEN.search(f"/{name[below:]}"))
    except Exception as error:  # noqa: BLE001 - each storage has errors of its own
        raise SourceError(f"{address} can't be read ({type(error).__name__}: {error})") from None
    if not found:
        raise SourceError(f"{address}: no such file or folder")
    return [
        name if "://" in name else f"{scheme}://{name if scheme in _ROOTED else name.lstrip('/')}"
        for name in found
    ]


def remote_system(address: str) -> tuple[Any, str]:
    """Return the file system of fsspec that an address belongs to, and the path in it.

    Raises
    ------
    SourceError
        The storage is of a kind whose package is not installed.
    UsageError
        The extra `cloud` is not installed.
    """
    require("fsspec")
    import fsspec  # Here: only the extra `cloud` installs it.

    try:
        system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:  # such as s3fs; PyArrow can do it too
        if address.partition("://")[0] not in _OF_ARROW:
            raise SourceError(f"{address} can't be read ({error})") from None
        return _arrow_remote(address)
    except ValueError as error:
        raise SourceError(f"{address} can't be read ({error})") from None
    return system, path


def _arrow_remote(address: str) -> tuple[Any, str]:
    require("pyarrow")
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    try:
        system, path = FileSystem.from_uri(address)
    except (ValueError, OSError) as error:  # Arrow's own errors are of these kinds
        raise SourceError(f"{address} can't be read ({' '.join(str(error).split())})") from None
    return ArrowFSWrapper(system), path
