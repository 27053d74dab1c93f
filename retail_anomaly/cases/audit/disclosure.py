"""Two persons turn a pseudonym back, for a reason, and the audit trail knows it before they do."""

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from retail_anomaly.cases.audit.chain import AuditKind, AuditRecord, Verified
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.pseudonyms import Pseudonyms, is_pseudonym

_DAY: Final = 86_400_000
_LASTS: Final = 7 * _DAY


class DisclosureError(UsageError, ValueError):
    """A pseudonym is not shown; the text says what is missing."""


class AuditLog(Protocol):
    """An audit trail in a file or a topic."""

    def read(self) -> Verified:
        """Return the records and the faults."""

    def append(
        self, record_id: str, time: int, kind: AuditKind, by: str, content: Mapping[str, Any]
    ) -> AuditRecord:
        """Add a record; on return it is kept."""


class Disclosure:
    """Requests to turn pseudonyms back, and the answers.

    Parameters
    ----------
    log
        The audit trail.
    """

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def request(self, record_id: str, time: int, by: str, name: str, reason: str) -> AuditRecord:
        """Record that a person asks who a pseudonym is, and why.

        Parameters
        ----------
        record_id
            Names the request for the second person.
        time
            The time of day, in epoch milliseconds.
        by
            The person.
        name
            The pseudonym.
        reason
            Why.

        Raises
        ------
        DisclosureError
            Something is missing.
        """
        if not is_pseudonym(name):
            raise DisclosureError(f"{name!r} is no pseudonym: they look like E-7f3k9mq2x4hd")
        if not reason.strip():
            raise DisclosureError("--reason: say why the person must be known, such as the case's number")
        if not _seen(by):
            raise DisclosureError("--by: say who asks")
        return self._log.append(record_id, time, "reveal-request", by, {"pseudonym": name, "reason": reason})

    def show(
        self,
        record_id: str,
        time: int,
        by: str,
        request_id: str,
        names: Pseudonyms,
        candidates: Iterable[str],
    ) -> list[str]:
        """Return the ids that a requested pseudonym stands for; the audit trail has the act by then.

        Parameters
        ----------
        record_id, time
            As for `request`.
        by
            The second person.
        request_id
            The request.
        names
            The pseudonyms, with their keys.
        candidates
            The ids of the employees whom it may be.

        Raises
        ------
        DisclosureError
            There is no such request, it is older than 7 days, or its person is the same.
        """
        found = self._log.read()
        if found.faults:
            raise DisclosureError(f"the audit trail is broken ({found.faults[0]}): nothing is shown")
        request = next(
            (
                each
                for each in found.records
                if each.kind == "reveal-request" and each.record_id == request_id
            ),
            None,
        )
        if request is None:
            raise DisclosureError(f"no request {request_id!r}: a first person runs `reveal request`")
        if not _seen(by) or _same(by, request.by):
            raise DisclosureError(f"--by: expected a second person, the request is by {request.by}")
        if not 0 <= time - request.time <= _LASTS:
            raise DisclosureError(f"the request {request_id} is not of the last 7 days: make a new one")
        wanted = str(request.content["pseudonym"])
        content = {"request": request_id, "pseudonym": wanted, "requestedBy": request.by}
        self._log.append(record_id, time, "reveal", by, content)
        return [each for each in candidates if wanted in names.all_of(each)]


def candidates_in(file: Path) -> list[str]:
    """Return the ids in a file: one a line, or the first cell of each line of a CSV.

    Raises
    ------
    OSError
        It can't be read.
    UsageError
        It is not in UTF-8.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{file}: line {line} is not in UTF-8: save the file as UTF-8, in Excel as 'CSV UTF-8'"
        ) from None
    cells = (line.replace(";", ",").partition(",")[0].strip().strip('"') for line in lines)
    return [cell for cell in cells if cell]


def _same(one: str, other: str) -> bool:
    return _seen(one) == _seen(other)


def _seen(name: str) -> str:
    """Return a name as people read it: without characters that nobody sees, each letter in one form."""
    letters = unicodedata.normalize("NFKC", name).casefold()
    visible = (letter for letter in letters if unicodedata.category(letter)[0] not in "CZ")
    return unicodedata.normalize("NFKC", "".join(visible))
