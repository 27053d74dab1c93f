"""Processes that work for this one: start them, hand them work, read their results.

The processes are started without `multiprocessing`, which imports or runs the user's own script once more
in each of them: a script without a `__main__` guard, or one that comes from standard input, would fail.
Here a process imports this module alone, and the work arrives on its standard input.
"""

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.detectors import own_detectors, register

_COMMAND: Final = "from retail_anomaly.workers import serve; serve()"


class WorkerError(RetailAnomalyError, RuntimeError):
    """A worker process ended before its work was done."""


class Channel(Protocol):
    """The way between a worker and the process that has started it, as the work sees it."""

    def send(self, result: Any, /) -> None:
        """Send a result."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the requests as they come, until the other side has gone."""


Work: TypeAlias = Callable[..., None]
"""A function of a module, called with a `Channel` and its arguments."""


class Workers:
    """Processes that run one function, each with arguments of its own.

    Use it in a `with` block. The processes start with the block and have ended after it, however it ends.
    An exception that the work raises is raised here.

    Parameters
    ----------
    work
        The function; another process must be able to import it.
    arguments
        The arguments for each process, which must be picklable.

    Raises
    ------
    WorkerError
        A process died.

    Examples
    --------
    >>> with Workers(echo, [("a",), ("b",)]) as workers:
    ...     workers.ask(1), workers.ask(2)
    ([('a', 1), ('b', 1)], [('a', 2), ('b', 2)])
    """

    def __init__(self, work: Work, arguments: Sequence[tuple[Any, ...]]) -> None:
        self._work = work
        self._arguments = arguments
        self._workers: list[_Worker] = []
        self._stack = ExitStack()

    def __enter__(self) -> "Workers":
        """Start the processes."""
        with ExitStack() as stack:
            names = [
                f"worker {number} of {len(self._arguments)}" for number in range(1, len(self._arguments) + 1)
            ]
            # All are started before the first is sent its work, so that they start side by side.
            self._workers = [_Worker(name, stack) for name in names]
            for worker, arguments in zip(self._workers, self._arguments, strict=True):
                # First the detectors: the arguments can hold parameters of them.
                worker.send(list(own_detectors().values()))
                worker.send((self._work, arguments))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        """End the processes."""
        self._stack.close()

    def ask(self, request: Any) -> list[Any]:
        """Send a request to every process and return the result of each, in the order of the arguments."""
        for worker in self._workers:
            worker.send(request)
        return self.one_each()

    def one_each(self) -> list[Any]:
        """Wait for one result of every process and return them in the order of the arguments."""
        return [worker.result().value for worker in self._workers]

    def results(self) -> Iterator[tuple[int, Any]]:
        """Yield the results of all processes as they come, until every work is done.

        Yields
        ------
        tuple of int and result
            The place of the process among the arguments, and its result.
        """
        working = {worker.results: (place, worker) for place, worker in enumerate(self._workers)}
        while working:
            for connection in wait(list(working)):
                assert isinstance(connection, Connection)  # noqa: S101 - for the type checker
                place, worker = working[connection]
                result = worker.result()
                if isinstance(result, _Done):
                    del working[connection]
                else:
                    yield place, result.value


def detectors_are_importable() -> bool:
    """Tell whether another process can import every detector that was registered in this one.

    It can't import a detector that a script, a notebook or a function defines itself.

    Examples
    --------
    >>> from retail_anomaly.detectors import RefundBurst, unregister
    >>> class Louder(RefundBurst):
    ...     name = "louder"
    ...     alert_type = "LOUDER"
    >>> before = detectors_are_importable()
    >>> _ = register(Louder)
    >>> before, detectors_are_importable()
    (True, False)
    >>> unregister("louder")
    """
    return all(_is_importable(d) and _is_importable(type(p)) for d, p in own_detectors().values())


def _is_importable(kind: type) -> bool:
    if kind.__module__ == "__main__":
        return False
    try:
        pickle.dumps(kind)
    except (pickle.PicklingError, AttributeError):
        return False
    return True


def core_count() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Result(msgspec.Struct):
    value: Any


class _Done(msgspec.Struct):
    """The work returned; nothing follows."""

    value: None = None


class _Raised(msgspec.Struct):
    error: Exception


def _search_path() -> list[str]:
    """Return where a worker looks for modules: as this process does, also after a change of folder."""
    path = []
    for entry in sys.path:
        # The finder of a relative folder keeps the place where it was first searched.
        finder = sys.path_importer_cache.get(entry) if entry else None
        path.append(os.path.abspath(getattr(finder, "path", entry)))  # noqa: PTH100 - "" is here
    # "" means the current folder, which may have been another one when a detector was imported from it.
    tops = {kind.__module__.partition(".")[0] for kind, _ in own_detectors().values()}
    for file in (getattr(sys.modules.get(top), "__file__", None) for top in tops):
        if file is not None:
            folder = Path(file).absolute().parent
            path.append(str(folder.parent if Path(file).stem == "__init__" else folder))
    return list(dict.fromkeys(path))


class _Worker:
    """One process, seen from the one that has started it; it ends with the stack."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self._name = name
        self._process = subprocess.Popen(
            # -P: the working directory is on the path only if it is on ours.
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C then reaches this process alone, which ends the others.
            process_group=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())},
        )
        stack.callback(self._end)
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        assert self._process.stdout is not None  # noqa: S101
        self._requests = stack.enter_context(Connection(os.dup(self._process.stdin.fileno()), readable=False))
        self.results = stack.enter_context(Connection(os.dup(self._process.stdout.fileno()), writable=False))
        # The connections have duplicates of the pipes, whose ends must be seen when these are closed.
        self._process.stdin.close()
        self._process.stdout.close()

    def send(self, message: Any) -> None:
        # A worker that is dead shows when its result is read, together with its last words.
        with suppress(BrokenPipeError):
            self._requests.send(message)

    def result(self) -> "_Result | _Done":
        try:
            message: _Result | _Done | _Raised = self.results.recv()
        except (EOFError, OSError):  # OSError: it died in the middle of a message
            raise WorkerError(f"{self._name} {self._ending()}") from None
        if isinstance(message, _Raised):
            raise message.error
        return message

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ending(self) -> str:
        code = self._process.wait()
        if code < 0:
            return (
                f"was ended from outside ({signal.strsignal(-code)}), perhaps because memory ran out: "
                "try fewer jobs, stores or days"
            )
        return f"ended with exit code {code} before its work was done"


# --- In a worker ------------------------------------------------------------------------------


class _Pipes:
    """The channel of a worker: standard input and output, which nothing else may use then."""

    def __init__(self) -> None:
        self._requests = Connection(os.dup(0), writable=False)
        self._results = Connection(os.dup(1), readable=False)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)  # prints of the work go to standard error

    def send(self, result: Any) -> None:
        self.tell(_Result(result))

    def tell(self, message: "_Result | _Done | _Raised") -> None:
        try:
            self._results.send(message)
        except BrokenPipeError:
            os._exit(1)  # the other side has gone, so that there is nobody to tell

    def __iter__(self) -> Iterator[Any]:
        with suppress(EOFError):
            while True:
                yield self._requests.recv()


def serve() -> None:
    """Do the work that standard input brings; a worker runs this and nothing else."""
    pipes = _Pipes()
    messages = iter(pipes)
    try:
        for detector, parameters in _detectors(messages):
            register(detector, parameters)
        # No work: the other side ended before it sent any.
        for work, arguments in islice(messages, 1):
            work(pipes, *arguments)
    except Exception as error:  # noqa: BLE001 - raised again on the other side
        pipes.tell(_Raised(_portable(error)))
    else:
        pipes.tell(_Done())


def _detectors(messages: Iterator[Any]) -> Any:
    try:
        return next(messages, ())
    except ImportError as error:
        raise WorkerError(
            f"another process can't import a registered detector ({error}): put its folder on PYTHONPATH, or "
            "use one process, jobs=1"
        ) from None


def _portable(error: Exception) -> Exception:
    """Return the error in a form that survives the way to another process."""
    if not isinstance(error, RetailAnomalyError | OSError):
        error.add_note("".join(["In a worker process:\n", *traceback.format_exception(error)]))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - ours
    except Exception:  # noqa: BLE001 - whatever its class makes of it
        return WorkerError(f"{type(error).__name__}: {error}")
    return error


def echo(channel: Channel, name: str) -> None:
    """Answer every request with a name and the request: a work for examples and tests."""
    for request in channel:
        channel.send((name, request))
