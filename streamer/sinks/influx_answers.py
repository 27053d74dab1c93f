"""The answers of InfluxDB: the errors that they mean, and how to tell them from those of another server."""

import json

from retail_anomaly.core.errors import RetailAnomalyError
from streamer.web.answers import Answer


class RefusedError(RetailAnomalyError):
    """InfluxDB will never take at least one of the lines."""


class TooLargeError(RetailAnomalyError):
    """The request has more bytes than are taken at once.

    Parameters
    ----------
    reason
        The answer.
    by_influx
        Whether InfluxDB said so. A proxy's limit is no reason to give a line up.

    Examples
    --------
    >>> TooLargeError("request too large").by_influx
    True
    """

    def __init__(self, reason: str, *, by_influx: bool = True) -> None:
        super().__init__(reason)
        self.by_influx = by_influx


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


def is_named(answer: Answer) -> bool:
    """Return whether an answer has a header that only InfluxDB sends.

    Examples
    --------
    >>> is_named(Answer(204, {"x-influxdb-version": "v2.7.11"}, b"")), is_named(Answer(204, {}, b""))
    (True, False)
    """
    return any(name.startswith(("x-influx", "x-platform-error-code")) for name in answer.headers)


def refusal(answer: Answer) -> str:
    """Return the message of an answer in the form of InfluxDB's errors, in one line; "" for any other answer.

    Version 2 sends JSON with texts ``code`` and ``message``, versions 1 and 3 with a text ``error``.

    Examples
    --------
    >>> refusal(Answer(400, {}, b'{"code": "invalid", "message": "unable to parse"}'))
    'unable to parse'
    >>> refusal(Answer(400, {}, b'{"message": "Bad request", "request_id": "7"}'))
    ''
    """
    try:
        body = json.loads(answer.body)
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    said = body.get("message" if isinstance(body.get("code"), str) else "error")
    return " ".join(said.split())[:300] if isinstance(said, str) else ""
