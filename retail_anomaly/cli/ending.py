"""The end that a signal asks of a command: in seconds, also as the first process of a container.

The kernel gives the first process of a container (its process id is 1) only those signals that it handles.
SIGTERM would be lost, and the container's runtime would kill the process after its time of grace.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NamedTuple, TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], Any]

# A command has this long for its last words. `docker stop` and Kubernetes wait for ten seconds or more.
WITHIN_SECONDS: Final = 3.0
# Those that by default end a process and that Python has no handler for. Windows has no SIGHUP.
_ENDING: Final = ("SIGTERM", "SIGHUP")
# Those by which somebody asks a process to end. A library may handle others, such as SIGCHLD.
_ASKING: Final = (signal.SIGTERM, signal.SIGINT)
_FIRST: Final = 1

# The handlers after whose call the process ends, or is ended.
_final: set[Handler] = set()


class _Limit(NamedTuple):
    seconds: float
    hint: str


# How long the blocks of `ended_within` may go on, whoever handles the signal; the last is the innermost.
_limits: list[_Limit] = []
# What Python writes signals to, even while the main thread waits in a library's code and runs no handler.
_wakeups: list[int] = []


@contextmanager
def handled(handler: Handler, *names: str) -> Iterator[None]:
    """Have signals end the block, by `handler` or else by force.

    If the process has not ended `WITHIN_SECONDS` after the signal, and the handler is still in place, it is
    ended with the exit code that a shell gives for the signal. Outside the main thread, where Python allows
    no handlers, the block just runs.

    Parameters
    ----------
    handler
        Called with the number of the signal and the frame, as `signal.signal` has it.
    *names
        The signals, such as ``"SIGTERM"``; one that this system does not know is passed over.

    Examples
    --------
    >>> with handled(lambda number, frame: print("asked to end"), "SIGTERM"):
    ...     signal.raise_signal(signal.SIGTERM)
    asked to end
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = handle(handler, *names)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
        _final.discard(handler)


def handle(handler: Handler, *names: str) -> dict[int, Any]:
    """Do as `handled` for the rest of the process; return the handlers of before, by signal."""
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    _final.add(handler)
    _watch()
    return before


@contextmanager
def interrupted_as_first(process: int | None = None) -> Iterator[None]:
    """In the first process of a container, have SIGTERM and SIGHUP interrupt the block as Ctrl-C does.

    In any other process these signals end it without our help.

    Parameters
    ----------
    process
        The process id that counts; by default this process's own.

    Examples
    --------
    >>> try:
    ...     with interrupted_as_first(1):
    ...         signal.raise_signal(signal.SIGTERM)
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    interrupted
    """
    if (os.getpid() if process is None else process) != _FIRST:
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with handled(interrupt, *_ENDING):
        yield


@contextmanager
def ended_within(seconds: float, hint: str = "") -> Iterator[None]:
    """Have the block end in time after SIGTERM or SIGINT, whoever handles them, or else by force.

    A library may wait for a server that never answers, and hear of no signal meanwhile. Outside the main
    thread the block just runs.

    Parameters
    ----------
    seconds
        How long the block may go on after the signal.
    hint
        What the last line adds if it does not end: why that may be, and what follows.

    Examples
    --------
    >>> with ended_within(30.0, "does Kafka answer?"):
    ...     print("working")
    working
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _watch()
    _limits.append(_Limit(seconds, hint))
    try:
        yield
    finally:
        _limits.pop()


def _watch() -> None:
    if _wakeups:
        return
    heard, wakeup = os.pipe()
    _wakeups.append(wakeup)
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_watch_no_more)
    threading.Thread(target=_end_by_force, args=(heard,), name="ending", daemon=True).start()


def _watch_no_more() -> None:
    """In a child, whose signals are none of ours, watch only when the child asks for it."""
    if _wakeups:
        _wakeups.clear()
        signal.set_wakeup_fd(-1)


def _end_by_force(heard: int) -> None:
    """End the process if it outlives one of our handlers, or the limit of its block."""
    while number := os.read(heard, 1)[0]:
        handler, limit = signal.getsignal(number), _limits[-1] if _limits else None
        if handler in _final:
            time.sleep(WITHIN_SECONDS)
            if signal.getsignal(number) is handler:
                _end(number, WITHIN_SECONDS)
        elif limit is not None and number in _ASKING:
            time.sleep(limit.seconds)
            if any(each is limit for each in _limits):
                _end(number, limit.seconds, limit.hint)


def _end(number: int, seconds: float, hint: str = "") -> None:
    said = f"ended {seconds:g} s after {signal.Signals(number).name}, in the midst of its work"
    os.write(2, (said + (f": {hint}" if hint else "") + "\n").encode())
    os._exit(128 + number)
