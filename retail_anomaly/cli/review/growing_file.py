"""A file of JSON lines that several programs append to."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec


class GrowingFile:
    """A file of JSON lines that other programs append to.

    Parameters
    ----------
    path
        The file; it may be missing.

    Examples
    --------
    >>> list(GrowingFile(Path("nowhere.jsonl")).new_lines())
    []
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number = 0
        self._read = 0
        self._identity: tuple[int, int] | None = None

    @property
    def place(self) -> str:
        """Name and number of the line that was read last."""
        return f"{self.path.name}:{self._number}"

    def reopened(self) -> "GrowingFile":
        """Return the file to be read from its beginning."""
        return GrowingFile(self.path)

    def append(self, line: bytes, _store_id: str) -> None:
        """Append a line; on return it is on the disk.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        with self.path.open("ab") as file:
            if file.tell() and not _ends_whole(self.path):
                file.write(b"\n")  # another program was killed in the middle of a line
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def was_replaced(self) -> bool:
        """Tell whether the file is another one, or shorter, than the one that was read."""
        if self._identity is None or not self.path.exists():
            return False
        now = self.path.stat()
        return (now.st_dev, now.st_ino) != self._identity or now.st_size < self._read

    def new_lines(self) -> Iterable[bytes]:
        """Yield the complete lines that were appended since the last call."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                self._identity = status.st_dev, status.st_ino
                file.seek(self._read)
                for line in file:
                    if not line.endswith(b"\n") and not _is_json(line):
                        return  # another program is about to write the rest
                    self._read += len(line)
                    self._number += 1
                    if line.strip():
                        yield line
        except FileNotFoundError:
            return


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
