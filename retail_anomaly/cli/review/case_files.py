"""The cases of an alerts file, and the actions on them in a file beside it."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec

from retail_anomaly.cases import (
    Action,
    Case,
    Precision,
    Triage,
    decode_action,
    prioritised,
)
from retail_anomaly.cases.ordering import OpenCases
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.records import InvalidRecord, decode_record
from retail_anomaly.settings import Settings

# A file on this machine keeps its cases: nothing is forgotten while the board runs.
_ALWAYS: Final = 10**15


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
        self.number = 0
        self._read = 0
        self._identity: tuple[int, int] | None = None

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
                    self.number += 1
                    if line.strip():
                        yield line
        except FileNotFoundError:
            return


class CaseFiles:
    """The cases of an alerts file, ordered for reading; actions are appended to a second file.

    Parameters
    ----------
    alerts
        JSON lines, one alert a line. Alerts that are appended while the board runs appear in it.
    actions
        JSON lines, one action a line; made when the first action is taken.
    settings
        The priors and the store groups.
    now
        The time of day in epoch milliseconds.
    """

    def __init__(
        self,
        alerts: Path,
        actions: Path,
        settings: Settings,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.settings = settings
        self.problems: list[str] = []
        self._now = now
        self._ordered: list[str] = []
        self._lock = threading.RLock()
        self._files = GrowingFile(alerts), GrowingFile(actions)
        self._clear()

    def refresh(self) -> None:
        """Take in the lines that were appended to either file since the last call."""
        with self._lock:
            if any(file.was_replaced() for file in self._files):
                self._files = GrowingFile(self._files[0].path), GrowingFile(self._files[1].path)
                self._clear()
            alerts, actions = self._files
            changed: dict[str, Case] = {}
            for record in (*self._decoded(alerts, _alert), *self._decoded(actions, decode_action)):
                changed |= {case.case_id: case for case in self._take(record)}
            for case in changed.values():
                self._keep(case)

    def waiting(self) -> list[str]:
        """Return the ids of the open cases in reading order."""
        with self._lock:
            if not self._ordered:
                self._ordered = self._open.order(self._precision)
            return self._ordered

    def expected_loss(self) -> float:
        """Return the expected loss of all open cases."""
        return self._open.expected_loss(self._precision)

    def closed(self) -> list[str]:
        """Return the ids of the closed cases, the newest first."""
        closed = (case for case in self._cases.values() if case.state == "closed")
        return [case.case_id for case in sorted(closed, key=lambda case: (-case.newest_at, case.case_id))]

    def find(self, case_id: str) -> Case | None:
        """Return a case, or None if there is none of that id."""
        case = self._cases.get(case_id)
        return None if case is None else prioritised(case, self.precision(case.store_id))

    def fits(self, case_id: str, is_wanted: Callable[[Case], bool]) -> bool:
        """Tell whether a case is wanted; its priority may be an old one."""
        return is_wanted(self._cases[case_id])

    def alert(self, alert_id: str) -> Alert:
        """Return the last revision of an alert."""
        return self._alerts[alert_id]

    def precision(self, store_id: str) -> Precision:
        """Return the precision of the store's group."""
        return self._precision[self.settings.group(store_id)]

    def act(self, store_id: str, make: Callable[[str, int], Action]) -> Action:
        """Take an action: append it to the file, and apply it.

        Parameters
        ----------
        store_id
            The store that the action is about.
        make
            Makes the action of an id and a time.

        Raises
        ------
        ValueError
            The fields of the action do not fit each other.
        OSError
            The file cannot be written.
        """
        with self._lock:
            # Not before the newest alert: a simulated day may lie ahead of the wall clock, and a verdict on a
            # case covers the alerts that were opened by then.
            newest = self._newest.get(store_id, 0)
            action = make(uuid4().hex, max(self._now(), newest))
            with self._files[1].path.open("ab") as file:
                if file.tell() and not _ends_whole(self._files[1].path):
                    file.write(b"\n")  # another program was killed in the middle of a line
                file.write(encode(action) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            self.refresh()
            return action

    def _clear(self) -> None:
        self.problems.clear()
        self._triage = Triage(memory=_ALWAYS, priors=self.settings.cases.priors)
        self._stores: dict[str, StoreMemory] = {}
        self._alerts: dict[str, Alert] = {}
        self._cases: dict[str, Case] = {}
        self._newest: dict[str, int] = {}
        self._precision: dict[str, Precision] = {}  # by store group
        self._open = OpenCases()
        self._ordered = []
        self.stores: set[str] = set()
        self.types: set[str] = set()

    def _take(self, record: Alert | Action) -> list[Case]:
        store = self._stores.get(record.store_id)
        if store is None:
            store = self._stores[record.store_id] = self._triage.new_store(record.store_id)
        if isinstance(record, Alert):
            known = self._alerts.get(record.alert_id)
            if known is None or known.revision < record.revision:
                self._alerts[record.alert_id] = record
            self._newest[record.store_id] = max(self._newest.get(record.store_id, 0), record.opened_at)
        return self._triage.process(record, store)

    def _keep(self, case: Case) -> None:
        group = self.settings.group(case.store_id)
        precision = self._precision.setdefault(group, Precision(self.settings.cases.priors))
        before = self._cases.get(case.case_id)
        for alert in before.alerts if before else ():
            precision.count(alert.type, alert.verdict, -1)
        for alert in case.alerts:
            precision.count(alert.type, alert.verdict)
        self._cases[case.case_id] = case
        self._open.put(case, group)
        self._ordered = []
        self.stores.add(case.store_id)
        self.types.update(alert.type for alert in case.alerts)

    def _decoded(
        self, file: GrowingFile, decode: Callable[[bytes], Alert | Action]
    ) -> Iterable[Alert | Action]:
        for line in file.new_lines():
            try:
                yield decode(line)
            except InvalidRecord as error:
                self.problems.append(f"{file.path.name}:{file.number}: {error}")


def _alert(line: bytes) -> Alert:
    return decode_record(Alert, line)


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
