"""Requests through influxdb-client that end by a deadline."""

from collections.abc import Mapping
from http.client import HTTPException
from typing import Final

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from streamer.web.answers import Answer
from streamer.web.deadlines import Deadline, OpenConnections, plain_error

_FORM: Final = "application/x-www-form-urlencoded"


class HttpClient:
    """Sends requests to one server, through influxdb-client.

    Parameters
    ----------
    url
        The server's address; its path goes before that of each request.
    token
        Of InfluxDB.
    ca
        A file with the server's certificate authority; None: the usual authorities.
    seconds
        Seconds that a request may take in all.

    Examples
    --------
    >>> HttpClient("http://127.0.0.1:1", "t", None, 2.0).send("GET", "/ping")
    Traceback (most recent call last):
    ConnectionRefusedError: [Errno 111] Connection refused
    """

    def __init__(self, url: str, token: str, ca: str | None, seconds: float) -> None:
        self._client = InfluxDBClient(url.rstrip("/"), token, timeout=int(seconds * 1_000), ssl_ca_cert=ca)
        self._open = OpenConnections()
        self._deadline = Deadline(seconds, self._open.break_all, "influxdb")
        pools = self._client.api_client.rest_client.pool_manager
        pools.pool_classes_by_scheme = self._open.pools()

    def end_within(self, seconds: float) -> None:
        """End each request within this time from now on: the process stops. A signal handler may call it."""
        self._deadline.end_within(seconds)

    @property
    def ending(self) -> bool:
        """Whether `end_within` was called."""
        return self._deadline.ending

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return its answer, whatever its status.

        Parameters
        ----------
        method, path, query
            Of the request.
        body
            Lines, or the fields of a form.

        Raises
        ------
        TimeoutError
            There is no whole answer by the deadline, or the process has ended its requests.
        OSError, HTTPException
            There is no connection by the deadline, it fails, or the answer is no HTTP.
        """
        exchange = _Exchange(self._client, idle=self._open.any)
        return self._deadline.run(lambda: exchange.run(method, path, query, body))


class _Exchange:
    """One request and its answer."""

    def __init__(self, client: InfluxDBClient, *, idle: bool) -> None:
        self._from_before = idle
        self._client = client.api_client
        self._headers = {"Authorization": f"Token {client.token}", "Accept": "application/json"}

    def run(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | Mapping[str, str] | None,
    ) -> Answer:
        try:
            return self._exchange(method, path, query, body)
        except ConnectionError:
            # The server may have closed a connection that was idle. A write done twice is one write.
            if not self._from_before:
                raise
            return self._exchange(method, path, query, body)

    def _exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | Mapping[str, str] | None,
    ) -> Answer:
        form = body if isinstance(body, Mapping) else None
        kind = "text/plain; charset=utf-8" if form is None else _FORM
        try:
            answer = self._client.request(
                method,
                f"{self._client.configuration.host}{path}",
                query_params=list((query or {}).items()),
                headers={**self._headers, **({} if body is None else {"Content-Type": kind})},
                post_params=None if form is None else list(form.items()),
                body=None if form is not None else body,
            )
        except ApiException as error:
            if error.response is None:  # no answer, but a certificate that is not trusted
                raise plain_error(error.__context__) from None
            answer = error.response
        except HTTPError as error:
            raise plain_error(error) from None
        except UnicodeDecodeError:
            raise HTTPException("the answer is no UTF-8") from None
        headers = {name.lower(): value for name, value in answer.getheaders().items()}
        return Answer(answer.status, headers, (answer.data or "").encode())
