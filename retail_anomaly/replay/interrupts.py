"""Ctrl-C, SIGTERM and a closed terminal become KeyboardInterrupt, and wait while they must not interrupt."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Self

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Interrupts:
    """Turns signals into KeyboardInterrupt for as long as a `with` block lasts.

    Outside the main thread, where Python allows no handlers, it does nothing.

    Examples
    --------
    >>> with Interrupts() as interrupts:
    ...     try:
    ...         with interrupts.held():
    ...             signal.raise_signal(signal.SIGTERM)
    ...             print("the block is done first")
    ...     except KeyboardInterrupt:
    ...         print("interrupted")
    the block is done first
    interrupted
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._holding = 0
        self._pending = False
        self._came = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
            # An ignored signal stays ignored: `nohup` has the command outlive its terminal.
            heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._interrupt) for number in heard}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold signals back until the block is done.

        A signal just after a process has started would otherwise leave it running with nobody to end it.
        """
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
            if self._pending and not self._holding:
                self._pending = False
                raise KeyboardInterrupt

    def check(self) -> None:
        """Raise an interrupt again that was lost.

        Python drops the exception if a signal comes while a destructor or a callback of the garbage collector
        runs. Call this between the steps of long work, never while an interrupt is being handled.
        """
        if self._came:
            raise KeyboardInterrupt

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        if self._holding:
            self._pending = True
        else:
            raise KeyboardInterrupt
