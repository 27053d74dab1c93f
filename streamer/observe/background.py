"""Work beside the poll loop: repeated in a thread that no error ends, and that readiness follows."""

import threading
from collections.abc import Callable
from typing import Final, Self

import structlog
from confluent_kafka import KafkaException

from retail_anomaly.core.errors import RetailAnomalyError

_log: Final = structlog.stdlib.get_logger("retail-streamer")


class Background:
    """Calls a function again and again in a thread of its own, for the length of a ``with`` block.

    An error is logged once, and the next call tries again. Until a call succeeds the work is not `well`.

    Parameters
    ----------
    name
        Of the thread.
    seconds
        Pause before each call.
    act
        The function.
    trouble
        The line for the log when a call fails.

    Examples
    --------
    >>> called = threading.Event()
    >>> with Background("example", 0.0, called.set, trouble="no example") as work:
    ...     called.wait(10), work.well
    (True, True)
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        act: Callable[[], object],
        *,
        trouble: str,
    ) -> None:
        self.name = name
        self._seconds = seconds
        self._act = act
        self._trouble = trouble
        self._failed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def well(self) -> bool:
        """Whether the thread runs and its last call succeeded."""
        return self._thread.is_alive() and not self._failed

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._act()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next call may succeed
                if not self._failed:  # log an outage once
                    _log.warning(self._trouble, reason=_reason(error))
                    _log.debug("traceback", exc_info=error)
                self._failed = True
            else:
                if self._failed:
                    _log.info(f"{self.name}: works again")
                self._failed = False


def _reason(error: Exception) -> str:
    if isinstance(error, KafkaException):
        said: str = error.args[0].str()
        return said
    return str(error) if isinstance(error, RetailAnomalyError) else f"{type(error).__name__}: {error}"
