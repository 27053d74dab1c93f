"""The addresses and keys of the routes, from the environment."""

import base64
import binascii
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from retail_anomaly.settings import Settings
from retail_anomaly.settings.notify_settings import RouteSettings
from streamer.errors import StreamerError

PAGERDUTY: Final = "https://events.pagerduty.com/v2/enqueue"
_LOCAL: Final = frozenset(["localhost", "127.0.0.1", "::1"])
_MAIL: Final = "smtps://user:password@mail.example:465/?from=alerts@example.com&to=office@example.com"


class RouteAddress(NamedTuple):
    """Where the messages of a route go.

    Parameters
    ----------
    url
        The address for a request; it may be a secret as a whole.
    secrets
        A webhook's keys or PagerDuty's integration key; the first key is the current one.

    Examples
    --------
    >>> RouteAddress("https://events.pagerduty.com/v2/enqueue", ("r0uting",)).host
    'events.pagerduty.com'
    """

    url: str
    secrets: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Return the host alone, which a log may show."""
        return urlsplit(self.url).hostname or ""

    def __repr__(self) -> str:
        return f"RouteAddress({self.host!r})"


class MailAddress(NamedTuple):
    """Where the messages of an e-mail route go.

    Parameters
    ----------
    host, port
        The mail server.
    tls
        ``from the start``, ``STARTTLS``, or ``none`` on this machine.
    user, password
        Empty: the server asks for none.
    sender, receivers
        The addresses in the message.

    Examples
    --------
    >>> MailAddress("mail.example", 465, "from the start", "", "", "a@b.example", ("c@d.example",)).port
    465
    """

    host: str
    port: int
    tls: str
    user: str
    password: str
    sender: str
    receivers: tuple[str, ...]

    def __repr__(self) -> str:
        return f"MailAddress({self.host!r})"


def route_addresses(settings: Settings, environ: Mapping[str, str]) -> dict[str, RouteAddress | MailAddress]:
    """Return the address of each route.

    Parameters
    ----------
    settings
        The settings.
    environ
        Names and values, as `os.environ` has them.

    Raises
    ------
    StreamerError
        There is no route, or a variable is missing or wrong; the text names it and never shows its value.

    Examples
    --------
    >>> from retail_anomaly.settings.notify_settings import NotifySettings
    >>> routes = {"duty": RouteSettings(service="slack", address="SLACK_URL")}
    >>> route_addresses(Settings(notify=NotifySettings(routes=routes)), {})
    Traceback (most recent call last):
    streamer.errors.StreamerError: SLACK_URL: expected the address of route duty (https://...), ...
    """
    if not settings.notify.routes:
        raise StreamerError(
            "notify.routes: expected a route, there is none: docs/notifications.md shows some"
        )
    return {name: _address(name, route, environ) for name, route in settings.notify.routes.items()}


def _address(name: str, route: RouteSettings, environ: Mapping[str, str]) -> RouteAddress | MailAddress:
    if route.service == "email":
        return _mail(name, route, _value(name, route.address, "the mail server", _MAIL, environ))
    if route.service == "pagerduty":
        return _pagerduty(name, route, environ)
    url = _value(name, route.address, "the address", "https://...", environ)
    _check_web(name, route.address, url)
    if route.service != "webhook":
        return RouteAddress(url)
    keys = _value(name, route.key, "the key", "whsec_...", environ).split()
    for key in keys:
        try:
            signing_key(key)
        except ValueError:
            raise StreamerError(
                f"{route.key}: expected whsec_ and at least 24 bytes in base64, as the key of route {name}"
            ) from None
    return RouteAddress(url, tuple(keys))


def signing_key(text: str) -> bytes:
    """Return the bytes of a key that signs a webhook.

    Raises
    ------
    ValueError
        It is no key.

    Examples
    --------
    >>> len(signing_key("whsec_" + "YWJj" * 8))
    24
    """
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError("expected 24 to 64 bytes in base64")
    return key


def _pagerduty(name: str, route: RouteSettings, environ: Mapping[str, str]) -> RouteAddress:
    given = _value(name, route.address, "the integration key", "32 letters and digits", environ)
    if "://" not in given:
        return RouteAddress(PAGERDUTY, (given,))
    # Another region, or a relay: the key stands before the host.
    url, at, rest = given.partition("@")
    scheme, _, key = url.partition("://")
    if not at or not key:
        raise StreamerError(
            f"{route.address}: expected the key of route {name} before the host: https://KEY@HOST/..."
        )
    _check_web(name, route.address, f"{scheme}://{rest}")
    return RouteAddress(f"{scheme}://{rest}", (unquote(key),))


def _mail(name: str, route: RouteSettings, given: str) -> MailAddress:
    try:
        url = urlsplit(given)
        port = url.port
    except ValueError:
        url, port = SplitResult("", "", "", "", ""), None
    query = parse_qs(url.query)
    sender, receivers = (
        query.get("from", [""])[0],
        [each.strip() for text in query.get("to", []) for each in text.split(",") if each.strip()],
    )
    whole = "".join([sender, *receivers])
    if (
        url.scheme not in ("smtp", "smtps")
        or not url.hostname
        or not all("@" in each for each in (sender, *receivers))
        or not receivers
        or not whole.isprintable()
    ):
        raise StreamerError(f"{route.address}: expected the mail server of route {name}, as in {_MAIL}")
    local = url.hostname in _LOCAL
    return MailAddress(
        url.hostname,
        port or (465 if url.scheme == "smtps" else 587),
        "from the start" if url.scheme == "smtps" else "none" if local else "STARTTLS",
        unquote(url.username or ""),
        unquote(url.password or ""),
        sender,
        tuple(receivers),
    )


def _value(name: str, variable: str, thing: str, form: str, environ: Mapping[str, str]) -> str:
    value = environ.get(variable, "").strip()
    if not value:
        raise StreamerError(
            f"{variable}: expected {thing} of route {name} ({form}), the environment does not have it"
        )
    return value


def _check_web(name: str, variable: str, url: str) -> None:
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError:
        address = SplitResult("", "", "", "", "")
    safe = address.scheme == "https" or (address.scheme == "http" and address.hostname in _LOCAL)
    if not safe or not address.hostname or not url.isprintable() or " " in url:
        raise StreamerError(f"{variable}: expected an address that begins with https:// for route {name}")
