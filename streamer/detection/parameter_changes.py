"""Tells the log that detectors run with other parameters than those that wrote the state."""

from collections.abc import Mapping

import structlog

_log = structlog.stdlib.get_logger(__name__)


class ParameterChanges:
    """Log each change of a detector's parameters once, however many stores have it.

    Examples
    --------
    >>> ParameterChanges().note({}, {"refund_burst": "1f"})  # a new store tells of no change
    """

    def __init__(self) -> None:
        self._noted: set[tuple[str, str | None, str | None]] = set()

    def note(self, written_with: Mapping[str, str], running: Mapping[str, str]) -> None:
        """Compare the hashes with which a store's state was written and those of today."""
        if not written_with or written_with == running:
            return
        for detector in sorted(written_with.keys() | running.keys()):
            before, now = written_with.get(detector), running.get(detector)
            if before != now and (detector, before, now) not in self._noted:
                self._noted.add((detector, before, now))
                outcome = "from the next event on"
                if now is None or before is None:
                    outcome = "starts empty" if now else "its state is given up"
                _log.info("parameters changed", detector=detector, before=before, now=now, outcome=outcome)
