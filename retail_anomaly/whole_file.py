"""Write a file so that the old one stays until the new one is complete."""

import errno
import io
import os
import re
import shutil
import signal
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import combinations
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, Final

from retail_anomaly.core.errors import UsageError

_PREFIX: Final = ".retail-anomaly-"
_BUFFER_BYTES: Final = 1 << 16
_MOST_LINKS: Final = 40  # As in Linux.
_ENDING_SIGNALS: Final = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP.

# Hidden files that are being written, and the process that writes each: a forked process must leave them.
_unfinished: Final[dict[Path, int]] = {}


class NamedFile(io.FileIO):
    """An unbuffered file that names itself in the error of a failed write, such as that of a full disk.

    Parameters
    ----------
    file
        A path, or a descriptor that is open.
    mode
        As for `open`.
    name
        The name in errors; by default the path.

    Examples
    --------
    >>> with NamedFile("/dev/full", "wb") as file:
    ...     file.write(b"an alert")
    Traceback (most recent call last):
    OSError: [Errno 28] No space left on device: '/dev/full'
    """

    def __init__(self, file: Path | str | int, mode: str, name: str | None = None) -> None:
        self._told = str(file) if name is None else name
        super().__init__(file, mode)

    def write(self, data: Any, /) -> int:
        """Write bytes and return how many were written."""
        with _named(self._told):
            return super().write(data)


@contextmanager
def whole_file(path: Path | str) -> Iterator[BinaryIO]:
    """Open a file for writing; it replaces the old one when the block ends without an error.

    Until then the bytes are in a hidden file in the same folder. An exception, Ctrl-C or SIGTERM removes the
    hidden file, and the old file is as it was. The new file has the permissions of the old one. A link stays,
    and the file that it leads to is replaced. Pipes, devices and ``/dev/stdout`` are written directly.

    Parameters
    ----------
    path
        The file to write.

    Yields
    ------
    BinaryIO
        The open file.

    Raises
    ------
    OSError
        The file cannot be written, for example because its folder is missing or the disk is full. The error
        names `path`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     alerts = Path(folder) / "alerts.jsonl"
    ...     _ = alerts.write_text("old")
    ...     with whole_file(alerts) as file:
    ...         _ = file.write(b"new")
    ...         meanwhile = alerts.read_text()
    ...     meanwhile, alerts.read_text()
    ('old', 'new')
    """
    try:
        old = Path(path).stat()
    except FileNotFoundError:
        old = None
    if old is not None and (descriptor := _descriptor(Path(path))) is not None:
        # A duplicate shares the position in the file: `>> alerts.jsonl` appends.
        writing: AbstractContextManager[BinaryIO] = _buffered(NamedFile(os.dup(descriptor), "wb", str(path)))
    elif old is not None and not stat.S_ISREG(old.st_mode):
        writing = _buffered(NamedFile(path, "wb"))
    else:
        writing = _replacing(str(path), old)
    with writing as file:
        yield file


def write_whole(path: Path | str, content: str | bytes) -> None:
    """Write a file as `whole_file` does; a text is written as UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "report.html", "<p>")
    ...     [path.name for path in Path(folder).iterdir()]
    ['report.html']
    """
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def check_writable(path: Path | str) -> None:
    """Check that `whole_file` can write a file, before the work whose result it takes. Nothing is written.

    Raises
    ------
    OSError
        It is a folder, its folder is missing, or you may not write it. The error names `path`.

    Examples
    --------
    >>> check_writable("nowhere/report.html")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere/report.html'
    """
    name = str(path)
    with _named(name):
        try:
            old = Path(path).stat()
        except FileNotFoundError:
            old = None
        if old is not None and stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if old is not None and not stat.S_ISREG(old.st_mode):
            return  # A pipe or a device is opened only to write to it.
        target = _target(name)
        folder = target.parent.stat()
        if not stat.S_ISDIR(folder.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if old is None and not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if old is not None and _descriptor(Path(path)) is None:
        _check_replaceable(name, target)


def refuse_to_overwrite(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path | None]) -> None:
    """Check that no file is written that is also read, nor one file twice.

    Parameters
    ----------
    outputs
        Files to be written, by the option or argument that names them; None where it was not given.
    inputs
        Files to be read; None where an option was not given. What is no file, such as ``-``, is ignored.

    Raises
    ------
    UsageError
        An output is an input, also by way of a link, or the same file as another output.

    Examples
    --------
    >>> refuse_to_overwrite({"--output": Path("alerts.jsonl")}, ["log.jsonl", "-", None])
    >>> refuse_to_overwrite({"--output": Path("a"), "--html": Path("a")}, [])
    Traceback (most recent call last):
    retail_anomaly.core.errors.UsageError: --output and --html name the same file: a
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    for (other, one), (option, path) in combinations(given.items(), 2):
        if one.resolve() == path.resolve() or _are_one_file(one, path):
            raise UsageError(f"{other} and {option} name the same file: {path}")
    for read in (Path(name) for name in inputs if name is not None):
        for option, path in given.items():
            if _are_one_file(path, read):
                raise UsageError(f"{option} would overwrite {read}, which is read too")


def _are_one_file(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.samefile(other)


@contextmanager
def _replacing(name: str, old: os.stat_result | None) -> Iterator[BinaryIO]:
    target = _target(name)
    if old is not None:
        _check_replaceable(name, target)
    part = target.with_name(f"{_PREFIX}{os.urandom(6).hex()}.part")
    with _removed_at_the_end(part):
        with _named(name):
            raw = NamedFile(part, "xb", name)
        with _buffered(raw) as file:
            if old is not None:
                with _named(name):
                    _copy_permissions(target, part, old)
            yield file
            file.flush()
            if old is not None:
                # Without this, a machine that fails after the rename could have neither content.
                with _named(name):
                    os.fsync(file.fileno())
        with _named(name):
            _rename(part, target)


def _target(name: str) -> Path:
    # A relative path stays one: a folder above it may be closed to this user.
    return Path(os.path.realpath(name) if Path(name).is_symlink() else name)


def _rename(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        # The target is mounted by itself, as in a container: it can be written but not replaced.
        shutil.copyfile(part, target)


def _buffered(raw: NamedFile) -> BinaryIO:
    return io.BufferedWriter(raw, _BUFFER_BYTES)


def _descriptor(path: Path) -> int | None:
    """Return the descriptor that a path such as ``/dev/stdout`` leads to, or None for other paths."""
    own = re.compile(rf"/dev/fd|/proc/{os.getpid()}(/task/\d+)?/fd")
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if own.fullmatch(folder) and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            break
        path = Path(folder, path.readlink())
    return None


def _check_replaceable(name: str, target: Path) -> None:
    # A rename would also replace a file that you may not write.
    with _named(name), target.open("r+b"):
        pass
    if not os.access(target.parent, os.W_OK):
        said = f"{target.parent} must be writable too, since the new file is first written beside the old one"
        raise PermissionError(errno.EACCES, said, name)


def _copy_permissions(old: Path, new: Path, before: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(new, before.st_uid, before.st_gid)
    shutil.copystat(old, new)  # Access lists too.
    os.utime(new)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Let an error name the file that the user knows."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from None


@contextmanager
def _removed_at_the_end(part: Path) -> Iterator[None]:
    """Remove a hidden file if it is still there, also when a signal ends the process."""
    _unfinished[part] = os.getpid()
    try:
        _handle_signals(signal.SIG_DFL, _remove_and_end)
        yield
    finally:
        part.unlink(missing_ok=True)
        _unfinished.pop(part, None)
        if not _unfinished:
            _handle_signals(_remove_and_end, signal.SIG_DFL)


def _handle_signals(before: Any, after: Any) -> None:
    """Change the handler of signals that end the process, where it is `before`."""
    if threading.current_thread() is not threading.main_thread():
        return  # Python allows no handlers there.
    for name in _ENDING_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == before:
            signal.signal(number, after)


def _remove_and_end(number: int, _frame: FrameType | None) -> None:
    for part, process in list(_unfinished.items()):
        if process == os.getpid():
            part.unlink(missing_ok=True)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    os._exit(128 + number)  # The first process of a container is spared what other processes die of.
