"""The newest alerts of a running system as a DataFrame, from Kafka or from InfluxDB."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import msgspec
import urllib3

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import ALERTS
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.tail import Tail
from streamer.kafka.topic_plan import TopicNames
from streamer.sinks.alert_columns import ALERT_COLUMNS, alert_of
from streamer.sinks.influx_target import Target

if TYPE_CHECKING:
    import pandas as pd

_FIRST_READ_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_TIMEOUT_S: Final = 10.0


class Feed(Protocol):
    """Alerts of a running system."""

    def read(self) -> "pd.DataFrame":
        """Return the newest alerts, in the columns of `retail_anomaly.alerts_frame`."""


class KafkaFeed:
    """The alerts in Kafka, from the first one in the topic.

    Parameters
    ----------
    connection
        The broker.
    most
        Most alerts to keep; the newest stay.
    topic_prefix
        The setting `streamer.topic_prefix` of the streamer.

    Raises
    ------
    StreamerError
        The broker does not answer or the topic does not exist.
    """

    def __init__(self, connection: Connection, *, most: int = 10_000, topic_prefix: str = "") -> None:
        self._tail = Tail(connection.properties(), TopicNames(topic_prefix).of(ALERTS))
        self._alerts: deque[Alert] = deque(maxlen=most)

    def read(self) -> "pd.DataFrame":
        """Add the alerts that came since the last read, and return all that are kept.

        Raises
        ------
        StreamerError
            The topic can't be read, or a record in it is no alert.
        """
        from retail_anomaly.frames.alerts import alerts_frame

        for value in self._new():
            try:
                self._alerts.append(msgspec.json.decode(value, type=Alert))
            except msgspec.MsgspecError as error:
                raise StreamerError(f"a record in the alerts' topic is no alert: {error}") from None
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
    """The alerts in InfluxDB, written there by `retail-streamer sink`.

    Queries are InfluxQL, which versions 1 and 3 understand, and version 2 through a mapping of a database to
    the bucket.

    Parameters
    ----------
    target
        The InfluxDB; `InfluxFeed.of(os.environ)` reads it from the environment.
    most
        Most alerts to read, the newest. InfluxDB has the last revision of each.
    """

    def __init__(self, target: Target, *, most: int = 10_000) -> None:
        self._target = target
        self._most = most
        self._http = urllib3.PoolManager(timeout=_TIMEOUT_S, retries=False, ca_certs=target.ca)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Return the feed of the InfluxDB that the environment names, with the variables of the sink.

        Raises
        ------
        StreamerError
            A variable is missing or no address.

        Examples
        --------
        >>> influx = {"INFLUXDB_URL": "http://db:8086", "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "b"}
        >>> InfluxFeed.of(influx).close()
        """
        return cls(Target.of(environ))

    def read(self) -> "pd.DataFrame":
        """Query the newest alerts.

        Raises
        ------
        StreamerError
            InfluxDB does not answer, or refuses.
        """
        from retail_anomaly.frames.alerts import alerts_frame

        names = ", ".join(f'"{column.column}"' for column in ALERT_COLUMNS)
        rows = self._query(f'SELECT {names} FROM "alerts" ORDER BY time DESC LIMIT {self._most}')  # noqa: S608
        return alerts_frame(alert_of(row) for row in reversed(rows))

    def close(self) -> None:
        """Close the connections."""
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
