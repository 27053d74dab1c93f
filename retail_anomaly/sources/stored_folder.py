"""Folders that files are written to and read from, on disk or in object storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.stored_file import is_address, remote_system
from retail_anomaly.whole_file import write_whole


class StoredFolder:
    """A folder by its path or its address, such as ``s3://bucket/history``.

    Parameters
    ----------
    place
        The path or the address.

    Raises
    ------
    SourceError
        A storage of that kind can't be reached.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = StoredFolder(place)
    ...     folder.write("a/b.json", b"{}")
    ...     folder.read("a/b.json"), folder.read("c.json"), folder.is_empty()
    (b'{}', None, False)
    """

    def __init__(self, place: str | Path) -> None:
        self.name = str(place).rstrip("/")
        self.path = None if is_address(place) else Path(place)
        if self.path is None:
            self._system, self._root = remote_system(self.name)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        with self._named(name):
            try:
                if self.path is not None:
                    return (self.path / name).read_bytes()
                return bytes(self._system.cat_file(f"{self._root}/{name}"))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, which replaces an old one when it is complete."""
        with self._named(name):
            if self.path is not None:
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                write_whole(self.path / name, content)
                return
            # An object is there when all of it is. A file of another system may not be.
            self._system.makedirs(f"{self._root}/{name}".rpartition("/")[0], exist_ok=True)
            self._system.pipe_file(f"{self._root}/{name}", content)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._named(name):
            if self.path is not None:
                (self.path / name).unlink(missing_ok=True)
            elif self._system.exists(f"{self._root}/{name}"):
                self._system.rm_file(f"{self._root}/{name}")

    def is_empty(self) -> bool:
        """Tell whether there is no file in it, or no such folder."""
        with self._named(""):
            if self.path is not None:
                return not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir()))
            return not self._system.find(self._root)

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if self.path is not None:
                raise
            said = " ".join(str(error).split())
            raise SourceError(f"{self.name}/{name}: {type(error).__name__}: {said}") from None
