"""InfluxDB's write API: each of its answers becomes one of four errors, or none.

Lines go to version 2's ``/api/v2/write``, which versions 1.8 and later and 3 understand as well. Writes are
synchronous: the client's batching mode drops points when it gives up.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Self
from urllib.parse import urlsplit

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError, ReadTimeoutError

from retail_anomaly.core.errors import RetailAnomalyError
from streamer.errors import StreamerError

URL: Final = "INFLUXDB_URL"
TOKEN: Final = "INFLUXDB_TOKEN"  # noqa: S105 - a name
BUCKET: Final = "INFLUXDB_BUCKET"
ORG: Final = "INFLUXDB_ORG"
CA: Final = "INFLUXDB_SSL_CA_CERT"

RETRY_AFTER_SECONDS: Final = (1.0, 300.0)
"""Shortest and longest wait: a server's ``Retry-After`` is honoured within these limits."""

_LINE_STATUSES: Final = (400, 422)
_TRANSIENT_STATUSES: Final = (408, 425, 500, 502, 503, 504)


class RefusedError(RetailAnomalyError):
    """InfluxDB will never take at least one of the lines."""


class TooLargeError(RetailAnomalyError):
    """The request has more bytes than are taken at once."""


class UnavailableError(RetailAnomalyError):
    """Nothing is wrong with the lines; another time they may be taken.

    Parameters
    ----------
    reason
        The cause, and where to look.
    retry_after
        Seconds that the server asks for; None if it did not ask.
    timed_out
        Whether no answer came in time.

    Examples
    --------
    >>> UnavailableError("answers 503", 2.0).retry_after
    2.0
    """

    def __init__(self, reason: str, retry_after: float | None = None, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.timed_out = timed_out


@dataclass(frozen=True)
class Target:
    """The address, bucket and token of an InfluxDB. Its repr leaves the token out.

    Parameters
    ----------
    url
        The server's address.
    bucket
        Version 2: the bucket. Version 1: ``database/retention-policy``, or the database alone.
        Version 3: the database.
    org
        Version 2: the organization. The other versions ignore it.
    token
        Version 1 with authentication: ``username:password``.
    ca
        A file with the certificate authority of the server; None: the usual authorities.

    Examples
    --------
    >>> Target("http://localhost:8086", "retail", "shops", "secret")
    Target(url='http://localhost:8086', bucket='retail', org='shops', ca=None)
    """

    url: str
    bucket: str
    org: str
    token: str = field(repr=False)
    ca: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read the target from the environment: it comes from nowhere else.

        Raises
        ------
        StreamerError
            A variable is missing, or is no address; the message names the variable, never a secret.

        Examples
        --------
        >>> Target.of({"INFLUXDB_URL": "http://db:8086", "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "b"}).org
        '-'
        """
        missing = [name for name in (URL, TOKEN, BUCKET) if not environ.get(name)]
        if missing:
            raise StreamerError(
                f"not set in the environment: {', '.join(missing)}; InfluxDB is named by {URL}, {TOKEN}, "
                f"{BUCKET} and, for version 2, {ORG}"
            )
        url = environ[URL].strip()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StreamerError(f"{URL}: expected an address such as http://influxdb:8086")
        if parts.username or parts.password:
            raise StreamerError(
                f"{URL} holds a user name or password: put them into {TOKEN} as username:password"
            )
        return cls(
            url,
            environ[BUCKET].strip(),
            (environ.get(ORG) or "-").strip(),
            environ[TOKEN].strip(),
            environ.get(CA) or None,
        )


class Influx:
    """A bucket that takes lines.

    Parameters
    ----------
    target
        The InfluxDB.
    timeout
        Milliseconds to wait for an answer.
    """

    def __init__(self, target: Target, timeout: int) -> None:
        self.target = target
        self._client = InfluxDBClient(
            url=target.url, token=target.token, org=target.org, timeout=timeout, ssl_ca_cert=target.ca
        )
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def write(self, lines: Sequence[str]) -> None:
        """Write lines; when it returns, InfluxDB has acknowledged them.

        Raises
        ------
        RefusedError
            InfluxDB will never take at least one of them. It may have taken the others.
        TooLargeError
            They are too many for one request.
        UnavailableError
            InfluxDB takes no lines at present.
        StreamerError
            InfluxDB takes no lines until an operator has changed something.
        """
        try:
            self._api.write(bucket=self.target.bucket, record="\n".join(lines).encode())
        except ApiException as error:
            raise self._meaning(error) from None
        except ReadTimeoutError:
            raise UnavailableError(
                f"InfluxDB at {self.target.url} does not answer in time: look at its load, or raise streamer.sink.timeout",
                timed_out=True,
            ) from None
        except (HTTPError, OSError) as error:
            raise UnavailableError(
                f"no InfluxDB answers at {self.target.url} ({_kind(error)}): is it running, and is {URL} right?"
            ) from None
        except UnicodeDecodeError:
            raise UnavailableError(
                f"what answers at {self.target.url} is no InfluxDB: is {URL} right, and the proxy before it?"
            ) from None

    def check(self) -> None:
        """Check, without writing anything, that InfluxDB takes writes.

        Versions 1 and 2 refuse a write without lines, but only after they have accepted the token and found
        the bucket. Version 3 makes a database at the first write, so a wrong name goes unnoticed.

        Raises
        ------
        StreamerError
            Address, token, organization or bucket is wrong.
        UnavailableError
            There is no answer, or it does not tell.
        """
        try:
            self.write(("",))
        except RefusedError:
            return

    def _meaning(self, error: ApiException) -> Exception:
        status, said = error.status or 0, _said(error)
        at = f"InfluxDB at {self.target.url} answers {status}"
        told = f" ({said})" if said else ""
        if status in _LINE_STATUSES:
            if not _is_influx(error):
                # A proxy's 400 is about the request and no line: no line may be given up for it.
                return UnavailableError(
                    f"what answers {status} at {self.target.url} is no InfluxDB: is {URL} right, and the proxy before it?"
                )
            return RefusedError(said or f"answers {status}")
        if status == 413:
            return TooLargeError(said or "request too large")
        if status == 429 or (status in _TRANSIENT_STATUSES and error.retry_after):
            wait = retry_after(error.retry_after, datetime.now(UTC))
            return UnavailableError(f"{at}{told}: look at its load and its limits on writes", wait)
        if status in _TRANSIENT_STATUSES:
            return UnavailableError(f"{at}{told}: look at its log and its disk")
        if status == 401:
            return StreamerError(f"{at}{told}: set {TOKEN} to a token that is valid there")
        if status == 403:
            return StreamerError(
                f"{at}{told}: give the token of {TOKEN} write access to bucket {self.target.bucket!r}"
            )
        if status == 404:
            return StreamerError(
                f"{at}{told}: create bucket {self.target.bucket!r} in organization {self.target.org!r}, or correct "
                f"{BUCKET} and {ORG}"
            )
        if status == 0:  # the client reports a failed TLS handshake like this
            return StreamerError(
                f"{self.target.url} is not trusted ({' '.join(str(error.reason).split())}): name its certificate's "
                f"authority in {CA}"
            )
        return StreamerError(f"{at}{told}: is {URL} the address of InfluxDB itself?")


def retry_after(value: str | None, now: datetime) -> float:
    """Read the header ``Retry-After``, seconds or a date, as seconds within `RETRY_AFTER_SECONDS`.

    Parameters
    ----------
    value
        The header; None, or text that can't be read, gives the shortest wait.
    now
        The present time, for a date.

    Examples
    --------
    >>> now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    >>> retry_after("7", now), retry_after("Thu, 01 Jan 2026 12:00:30 GMT", now), retry_after("99999", now)
    (7.0, 30.0, 300.0)
    """
    shortest, longest = RETRY_AFTER_SECONDS
    seconds = shortest
    if value is not None:
        try:
            seconds = float(value)
        except ValueError:
            try:
                date = parsedate_to_datetime(value)
            except ValueError:
                return shortest
            seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    # max() before min(): NaN then gives the shortest wait.
    return min(max(shortest, seconds), longest)


def _said(error: ApiException) -> str:
    """Return the message of the server, in one line."""
    body = _body(error)
    said = str(body.get("message") or body.get("error") or "") if body else ""
    return " ".join((said or str(error.reason or "")).split())[:300]


def _is_influx(error: ApiException) -> bool:
    """Tell an answer of InfluxDB from that of a proxy or another server."""
    body = _body(error)
    named = any(name.lower().startswith("x-influx") for name in error.headers or ())
    return named or bool(body and ("message" in body or "error" in body))


def _body(error: ApiException) -> dict[str, object] | None:
    try:
        body = json.loads(error.body or "")
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _kind(error: Exception) -> str:
    """Return the innermost cause of a connection error; the outer texts are full of hosts and object addresses."""
    while (inner := error.__cause__ or error.__context__) is not None and isinstance(inner, Exception):
        error = inner
    return (
        type(error).__name__ if not isinstance(error, OSError) else (error.strerror or type(error).__name__)
    )
