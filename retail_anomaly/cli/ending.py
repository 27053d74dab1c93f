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
from typing import Any, Final, TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], Any]

# A command has this long for its last words. `docker stop` and Kubernetes wait for ten seconds or more.
WITHIN_SECONDS: Final = 3.0
# Those that by default end a process and that Python has no handler for. Windows has no SIGHUP.
_ENDING: Final = ("SIGTERM", "SIGHUP")
_FIRST: Final = 1

# The handlers after whose call the process ends, or is ended.
_final: set[Handler] = set()
# What Python writes signals to, even while the main thread waits in a library's code and runs no handler.
_wakeup: int | None = None


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


def _watch() -> None:
    global _wakeup
    if _wakeup is not None:
        return
    heard, _wakeup = os.pipe()
    os.set_blocking(_wakeup, False)
    signal.set_wakeup_fd(_wakeup, warn_on_full_buffer=False)
    if hasattr(os, "register_at_fork"):
        # A child's signals are none of ours.
        os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    threading.Thread(target=_end_by_force, args=(heard,), name="ending", daemon=True).start()


def _end_by_force(heard: int) -> None:
    """End the process if it outlives one of our handlers."""
    while number := os.read(heard, 1)[0]:
        handler = signal.getsignal(number)
        if handler not in _final:
            continue
        time.sleep(WITHIN_SECONDS)
        if signal.getsignal(number) is handler:
            said = (
                f"ended {WITHIN_SECONDS:g} s after {signal.Signals(number).name}, in the midst of its work\n"
            )
            os.write(2, said.encode())
            os._exit(128 + number)
