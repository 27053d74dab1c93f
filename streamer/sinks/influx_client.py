"""InfluxDB's write API: each of its answers becomes one of four errors, or none.

Lines go to version 2's ``/api/v2/write``, which versions 1.8 and later and 3 understand as well.

A status alone proves nothing: a login page answers 200, a gateway refuses with 400 in JSON. A write is done
with 204 and a header of InfluxDB. A refusal counts with such a header and in InfluxDB's form. Version 3 sends
no such header with a write, and a proxy may remove it; a point is then written and read back. Everything else
is an outage.
"""

import json
import secrets
import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Final, NamedTuple, Self

from streamer.errors import StreamerError
from streamer.sinks.http_client import HttpClient
from streamer.sinks.influx_answers import (
    RefusedError,
    TooLargeError,
    UnavailableError,
    is_named,
    refusal,
)
from streamer.sinks.influx_target import BUCKET, CA, ORG, TOKEN, URL, Target
from streamer.web.answers import Answer, retry_after

CHECK_POINTS: Final = "retail_anomaly_check"
"""Measurement of the points that only test whether writes are taken; no dashboard shows it."""
STOP_SECONDS: Final = 2.0
"""Seconds that a request may go on once the process was asked to stop."""

PROVEN_SECONDS: Final = 30.0
"""Seconds for which a point that was read back proves that InfluxDB is behind answers that don't name it."""

_LINE_STATUSES: Final = (400, 422)
_TRANSIENT_STATUSES: Final = (408, 425, 500, 502, 503, 504)
_READ_PAUSES: Final = (0.2, 0.5)
"""Seconds between the tries of reading a point back."""


class Influx:
    """A bucket that takes lines.

    Parameters
    ----------
    target
        The InfluxDB.
    timeout
        Milliseconds that a request may take in all.
    """

    def __init__(self, target: Target, timeout: int) -> None:
        self.target = target
        self._http = HttpClient(target.url, target.token, target.ca, timeout / 1_000)
        # Until then an answer without InfluxDB's headers counts, since a point was read back a moment ago.
        self._proven_until = 0.0

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def stop_soon(self) -> None:
        """End each request within `STOP_SECONDS` from now on. A signal handler may call it."""
        self._http.end_within(STOP_SECONDS)

    def write(self, lines: Sequence[str]) -> None:
        """Write lines; when it returns, InfluxDB has acknowledged them.

        Raises
        ------
        RefusedError
            InfluxDB will never take at least one of them. It may have taken the others.
        TooLargeError
            They are too many for one request.
        UnavailableError
            InfluxDB takes no lines at present, or another server answers.
        StreamerError
            InfluxDB takes no lines until an operator has changed something.
        """
        try:
            answer = self._post(lines)
            if answer.status == 204:
                if not (is_named(answer) or time.monotonic() < self._proven_until or self._prove()):
                    raise self._foreign(answer)
                return
            raise self._meaning(answer)
        except UnavailableError:
            self._proven_until = 0.0
            raise

    def check(self) -> None:
        """Write a point of `CHECK_POINTS`.

        Raises
        ------
        StreamerError
            Address, token, organization or bucket is wrong.
        UnavailableError
            InfluxDB takes no lines at present, or another server answers.
        """
        try:
            self.write((_CheckPoint.new().line,))
        except RefusedError:
            return  # the token and the bucket are accepted

    def check_and_read(self) -> str:
        """Write a point of `CHECK_POINTS` and read it back; return the reason why it can't be read, or "".

        Raises
        ------
        RefusedError
            InfluxDB refuses the point.
        StreamerError
            Address, token, organization or bucket is wrong.
        UnavailableError
            InfluxDB takes no lines at present, or another server answers.
        """
        point = _CheckPoint.new()
        self.write((point.line,))
        try:
            found, reason = self._read(point)
        except UnavailableError as error:
            return str(error)
        return "" if found else reason

    def _post(self, lines: Sequence[str]) -> Answer:
        where = {"org": self.target.org, "bucket": self.target.bucket, "precision": "ns"}
        return self._send("POST", "/api/v2/write", where, "\n".join(lines).encode())

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] | None = None,
    ) -> Answer:
        url = self.target.url
        try:
            return self._http.send(method, path, query, body)
        except TimeoutError:
            if self._http.ending:
                raise UnavailableError(
                    f"InfluxDB at {url} has not answered, and this process was asked to stop", timed_out=True
                ) from None
            raise UnavailableError(
                f"InfluxDB at {url} does not answer in time: look at its load, "
                "or raise streamer.sink.timeout",
                timed_out=True,
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise StreamerError(
                f"{url} is not trusted ({error.verify_message}): name its certificate's authority in {CA}"
            ) from None
        except ConnectionError as error:
            raise self._away(_kind(error)) from None
        except HTTPException as error:
            raise UnavailableError(
                f"what answers at {url} is no InfluxDB ({type(error).__name__}): is {URL} right, "
                "and the proxy before it?"
            ) from None
        except OSError as error:
            raise self._away(_kind(error)) from None

    def _away(self, kind: str) -> UnavailableError:
        return UnavailableError(
            f"no InfluxDB answers at {self.target.url} ({kind}): is it running, and is {URL} right?"
        )

    def _prove(self) -> bool:
        """Return whether InfluxDB is behind answers that don't name it: a point written can be read."""
        point = _CheckPoint.new()
        if self._post((point.line,)).status != 204:
            return False
        found, _ = self._read(point)
        if found is None:  # a token that may only write: the server may name itself here
            found = is_named(self._send("GET", "/ping"))
        self._proven_until = time.monotonic() + PROVEN_SECONDS if found else 0.0
        return found

    def _read(self, point: "_CheckPoint") -> tuple[bool | None, str]:
        """Return whether a point is there (None if it can't be known), and the reason if it is not."""
        database, _, policy = self.target.bucket.partition("/")
        form = {"db": database, "q": point.query, "epoch": "ns", **({"rp": policy} if policy else {})}
        for pause in (*_READ_PAUSES, None):
            answer = self._send("POST", "/query", None, form)
            found, reason = point.found_in(answer)
            if found is not False or pause is None:
                break
            time.sleep(pause)
        return found, self._hidden(reason)

    def _meaning(self, answer: Answer) -> Exception:
        status, said = answer.status, self._hidden(refusal(answer))
        at = f"InfluxDB at {self.target.url} answers {status}"
        told = f" ({said})" if said else ""
        wished = answer.headers.get("retry-after")
        if status == 429 or (status in _TRANSIENT_STATUSES and wished):
            wait = retry_after(wished, datetime.now(UTC))
            return UnavailableError(
                f"{at}{told or self._heard(answer)}: look at its load and its limits on writes", wait
            )
        if status in _TRANSIENT_STATUSES:
            return UnavailableError(f"{at}{told or self._heard(answer)}: look at its log and its disk")
        # No line may be given up for the refusal of another server. Without InfluxDB's header the point is
        # tried each time: a gateway that refuses everything in JSON refuses that too.
        by_influx = bool(said) and (is_named(answer) or (status in (*_LINE_STATUSES, 413) and self._prove()))
        if status == 413:
            return TooLargeError(
                said or f"what answers at {self.target.url}{self._heard(answer)}", by_influx=by_influx
            )
        if not by_influx:
            return self._foreign(answer)
        if status in _LINE_STATUSES:
            return RefusedError(said)
        if status == 401:
            return StreamerError(f"{at}{told}: set {TOKEN} to a token that is valid there")
        if status == 403:
            return StreamerError(
                f"{at}{told}: give the token of {TOKEN} write access to bucket {self.target.bucket!r}"
            )
        if status == 404:
            return StreamerError(
                f"{at}{told}: create bucket {self.target.bucket!r} in organization {self.target.org!r}, "
                f"or correct {BUCKET} and {ORG}"
            )
        return StreamerError(f"{at}{told}: is {URL} the address of InfluxDB itself?")

    def _foreign(self, answer: Answer) -> UnavailableError:
        also = f", and {TOKEN}" if answer.status in (401, 403) else ""
        return UnavailableError(
            f"what answers at {self.target.url}{self._heard(answer)} is no InfluxDB: is {URL} right, "
            f"and the proxy before it{also}?"
        )

    def _heard(self, answer: Answer) -> str:
        kind = answer.headers.get("content-type", "no content type")
        words = self._hidden(answer.words(80))
        if answer.status == 204:
            return " (204 without a header of InfluxDB, and a point that it took can't be read back)"
        return f" ({answer.status}, {kind}, {words!r})"

    def _hidden(self, text: str) -> str:
        # Where no token is needed any text stands in for it, and may be part of every answer.
        return text.replace(self.target.token, "***") if len(self.target.token) >= 8 else text


class _CheckPoint(NamedTuple):
    """A point that tests whether writes are taken."""

    time: int
    mark: str

    @classmethod
    def new(cls) -> Self:
        return cls(time.time_ns(), secrets.token_hex(8))

    @property
    def line(self) -> str:
        return f'{CHECK_POINTS} mark="{self.mark}" {self.time}'

    @property
    def query(self) -> str:
        return f'SELECT "mark" FROM "{CHECK_POINTS}" WHERE time = {self.time}'  # noqa: S608 - our own names

    def found_in(self, answer: Answer) -> tuple[bool | None, str]:
        """Return whether a query's answer has the point (None: it does not tell), and the reason if not."""
        try:
            result = json.loads(answer.body)["results"][0]
            if answer.status == 200 and "error" not in result:
                found = any(
                    self.mark in row for series in result.get("series", ()) for row in series["values"]
                )
                return found, "" if found else "a query does not find the point"
            said = str(result["error"])
        except (ValueError, LookupError, TypeError, AttributeError):
            said = refusal(answer) or answer.words(80)
        return None, f"a query is answered with {answer.status}" + (f" ({said})" if said else "")


def _kind(error: Exception) -> str:
    """Return the innermost cause of a connection error; the outer texts are full of object addresses."""
    # An error that another thread caught is raised again here, within the context of itself.
    seen = {id(error)}
    while isinstance(inner := error.__cause__ or error.__context__, Exception) and id(inner) not in seen:
        error = inner
        seen.add(id(error))
    return (
        type(error).__name__ if not isinstance(error, OSError) else (error.strerror or type(error).__name__)
    )
