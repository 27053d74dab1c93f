"""The alerts that are raised just now, as a DataFrame: from Kafka, or from InfluxDB."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import urllib3

from retail_anomaly.core.alerts import Alert
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.tail import Tail
from streamer.sinks.influx import Target

if TYPE_CHECKING:
    import pandas as pd

_FIRST_READ_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_TIMEOUT_S: Final = 10.0
# The field of an alert in InfluxDB, as `streamer.sinks.points` writes it, by its name on the wire.
_COLUMNS: Final = {
    "alertId": "alertId",
    "revision": "revision",
    "type": "type",
    "detector": "detector",
    "storeId": "store",
    "employeeId": "employee",
    "riskScore": "riskScore",
    "message": "message",
    "eventTime": "eventTime",
    "openedAt": "openedAt",
    "evidence": "evidence",
    "configHash": "configHash",
    "detectedAt": "detectedAt",
}


class Feed(Protocol):
    """Alerts of a running system."""

    def read(self) -> "pd.DataFrame":
        """Return the newest alerts that there are, as `retail_anomaly.alerts_frame` does."""


class KafkaFeed:
    """The alerts in Kafka, from the first one in the topic on.

    Parameters
    ----------
    connection
        The broker.
    most
        How many alerts to keep, the newest.

    Raises
    ------
    StreamerError
        The broker does not answer or the topic does not exist.
    """

    def __init__(self, connection: Connection, *, most: int = 10_000) -> None:
        self._tail = Tail(connection.properties())
        self._alerts: deque[Alert] = deque(maxlen=most)

    def read(self) -> "pd.DataFrame":
        """Take what has come since the last time; return all that is kept.

        Raises
        ------
        StreamerError
            The topic can't be read, or what is in it is no alert.
        """
        from retail_anomaly.frames.alerts import alerts_frame

        for value in self._new():
            try:
                self._alerts.append(msgspec.json.decode(value, type=Alert))
            except msgspec.MsgspecError as error:
                raise StreamerError(f"what is in the alerts' topic is no alert: {error}") from None
        return alerts_frame(self._alerts)

    def close(self) -> None:
        """Leave the broker."""
        self._tail.close()

    def _new(self) -> Iterator[bytes]:
        deadline = time.monotonic() + _FIRST_READ_SECONDS
        while True:
            value = self._tail.poll(_POLL_SECONDS)
            if value is not None:
                yield value
            elif self._tail.has_read_all or time.monotonic() > deadline:
                return


class InfluxFeed:
    """The alerts in InfluxDB, where `retail-streamer sink` has put them.

    InfluxQL is what versions 1, 2 (through a mapping of the database to the bucket) and 3 understand.

    Parameters
    ----------
    target
        Where it is; `Target.of(os.environ)` reads it from the environment.
    most
        How many alerts to read, the newest; of each its last revision is there.
    """

    def __init__(self, target: Target, *, most: int = 10_000) -> None:
        self._target = target
        self._most = most
        self._http = urllib3.PoolManager(timeout=_TIMEOUT_S, retries=False, ca_certs=target.ca)

    def read(self) -> "pd.DataFrame":
        """Ask for the newest alerts.

        Raises
        ------
        StreamerError
            InfluxDB does not answer, or refuses.
        """
        from retail_anomaly.frames.alerts import alerts_frame

        names = ", ".join(f'"{column}"' for column in _COLUMNS.values())
        rows = self._query(f'SELECT {names} FROM "alerts" ORDER BY time DESC LIMIT {self._most}')  # noqa: S608
        return alerts_frame(_alert(row) for row in reversed(rows))

    def close(self) -> None:
        """Close its connections."""
        self._http.clear()

    def _query(self, statement: str) -> list[dict[str, Any]]:
        database, _, policy = self._target.bucket.partition("/")
        fields = {"db": database, "q": statement, "epoch": "ms", **({"rp": policy} if policy else {})}
        try:
            answer = self._http.request(
                "POST",
                f"{self._target.url}/query",
                fields=fields,
                encode_multipart=False,
                headers={"Authorization": f"Token {self._target.token}"},
            )
        except urllib3.exceptions.HTTPError as error:
            raise StreamerError(f"InfluxDB does not answer at {self._target.url}: {error}") from None
        try:
            result = msgspec.json.decode(answer.data, type=dict[str, Any])
            said = result["results"][0]
        except (msgspec.MsgspecError, LookupError):
            raise StreamerError(
                f"InfluxDB answers {answer.status} to a query: {answer.data[:200]!r}"
            ) from None
        if "error" in said:
            raise StreamerError(f"InfluxDB refuses a query: {said['error']}")
        return [
            dict(zip(series["columns"], values, strict=True))
            for series in said.get("series", ())
            for values in series["values"]
        ]


def _alert(row: Mapping[str, Any]) -> Alert:
    """Return the alert that a point is of."""
    content = {name: row[column] for name, column in _COLUMNS.items()}
    content["evidence"] = msgspec.json.decode(row["evidence"])
    content["employeeId"] = row["employee"] or None
    return msgspec.convert(content, Alert)
