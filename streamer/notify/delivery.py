"""The delivery of one message: what an answer means, and what to do after it."""

import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from retail_anomaly.notifications import Message, Route, Service
from streamer.notify import payloads
from streamer.notify.addresses import MailAddress, RouteAddress
from streamer.notify.mail import MailPost
from streamer.web.answers import Answer, retry_after
from streamer.web.poster import WebPoster

_REFUSED: Final = (400, 413, 422)
_TEAMS_FAILED: Final = b"Microsoft Teams endpoint returned HTTP error"


class Delivery(NamedTuple):
    """How the sending of a message ended.

    Parameters
    ----------
    outcome
        ``sent``; ``away``: the service takes nothing at present; ``refused``: it takes this message not.
    reason
        The cause, and where to look.
    wait
        Seconds that the service asks for; None if it did not ask.

    Examples
    --------
    >>> Delivery("away", "answers 429", 30.0).wait
    30.0
    """

    outcome: Literal["sent", "away", "refused"]
    reason: str = ""
    wait: float | None = None


class Carrier(Protocol):
    """Delivers the messages of one route."""

    def deliver(self, message: Message) -> Delivery:
        """Deliver a message, or say why not."""

    def end_within(self, seconds: float) -> None:
        """End each delivery within this time from now on. A signal handler may call it."""


_Body: TypeAlias = Callable[[Message], bytes]
_BODIES: Final[dict[Service, _Body]] = {
    "slack": payloads.slack,
    "teams": payloads.teams,
    "webhook": payloads.webhook,
}


def carrier_of(route: Route, address: RouteAddress | MailAddress, seconds: float) -> Carrier:
    """Return the carrier of a route.

    Parameters
    ----------
    route
        The route.
    address
        Where its messages go.
    seconds
        Seconds that a delivery may take in all.

    Examples
    --------
    >>> duty = Route(name="duty", service="slack")
    >>> type(carrier_of(duty, RouteAddress("https://slack.example/x"), 5.0)).__name__
    'WebCarrier'
    """
    if isinstance(address, MailAddress):
        return MailCarrier(address, seconds)
    if route.service == "pagerduty":
        return WebCarrier(
            route, address, lambda message: payloads.pagerduty(message, address.secrets[0]), seconds
        )
    return WebCarrier(route, address, _BODIES[route.service], seconds)


class WebCarrier:
    """Delivers messages by HTTP.

    Parameters
    ----------
    route
        The route.
    address
        Where its messages go.
    body
        Makes the body of a request.
    seconds
        Seconds that a request may take in all.
    """

    def __init__(self, route: Route, address: RouteAddress, body: _Body, seconds: float) -> None:
        self._route = route
        self._address = address
        self._body = body
        self._post = WebPoster(address.url, seconds)

    def end_within(self, seconds: float) -> None:
        """End each request within this time from now on. A signal handler may call it."""
        self._post.end_within(seconds)

    def deliver(self, message: Message) -> Delivery:
        """Deliver a message, or say why not."""
        body = self._body(message)
        try:
            return self._meaning(self._post.post(body, self._headers(message, body)))
        except Exception as error:  # noqa: BLE001 - whatever it is, another route must not wait for it
            return failure(error, self._address.host)

    def _headers(self, message: Message, body: bytes) -> Mapping[str, str]:
        if self._route.service == "webhook":
            return payloads.signed_headers(message.id, body, self._address.secrets, int(time.time()))
        return payloads.plain_headers()

    def _meaning(self, answer: Answer) -> Delivery:
        status, host = answer.status, self._address.host
        if 200 <= status < 300 and not (self._route.service == "teams" and _TEAMS_FAILED in answer.body):
            return Delivery("sent")
        wished = answer.headers.get("retry-after")
        wait = retry_after(wished, datetime.now(UTC)) if wished is not None or status == 429 else None
        # The body may repeat parts of the address, which is a secret: the log has the status alone.
        said = f"{host} answers {status}"
        if status in _REFUSED:
            return Delivery("refused", f"{said}: it refuses the message; is the address of the right kind?")
        if status in (401, 403, 404, 410):
            return Delivery("away", f"{said}: is the address still valid?", wait)
        return Delivery("away", said, wait)


class MailCarrier:
    """Delivers messages by e-mail.

    Parameters
    ----------
    address
        Where they go.
    seconds
        Seconds that a delivery may take in all.
    """

    def __init__(self, address: MailAddress, seconds: float) -> None:
        self._address = address
        self._post = MailPost(address, seconds)

    def end_within(self, seconds: float) -> None:
        """End each delivery within this time from now on. A signal handler may call it."""
        self._post.end_within(seconds)

    def deliver(self, message: Message) -> Delivery:
        """Deliver a message, or say why not."""
        try:
            refusal = self._post.send(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, another route must not wait for it
            return failure(error, self._address.host)
        return Delivery("sent") if refusal is None else refusal_of(refusal, self._address.host)


def refusal_of(code: int, host: str) -> Delivery:
    """Return the meaning of a mail server's refusal: 5xx is about the message or the addresses.

    Examples
    --------
    >>> refusal_of(550, "mail.example").outcome, refusal_of(451, "mail.example").outcome
    ('refused', 'away')
    """
    if code in (530, 534, 535, 538):
        return Delivery("away", f"{host} answers {code}: are user and password right?")
    return Delivery("refused" if code >= 500 else "away", f"{host} answers {code}")


def failure(error: Exception, host: str) -> Delivery:
    """Return the meaning of an error of the connection.

    Examples
    --------
    >>> failure(TimeoutError(), "slack.example").reason
    'slack.example does not answer in time'
    """
    if isinstance(error, TimeoutError):
        said = f"{host} does not answer in time"
    elif isinstance(error, ssl.SSLCertVerificationError):
        said = f"{host} is not trusted ({error.verify_message}): name its authority in SSL_CERT_FILE"
    elif isinstance(error, HTTPException):
        said = f"{host} answers with no HTTP"
    elif isinstance(error, OSError):
        said = f"no connection to {host} ({error.strerror or type(error).__name__})"
    else:
        said = f"{host}: {type(error).__name__}"
    return Delivery("away", said)
