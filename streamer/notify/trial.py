"""`retail-streamer notify --test ROUTE`: one message that says it is a test."""

import time
from collections.abc import Mapping

from msgspec.structs import replace

from retail_anomaly.core.nearest import nearest
from retail_anomaly.notifications import AlertNote, Message
from retail_anomaly.settings import Settings, SettingsError
from streamer.errors import StreamerError
from streamer.notify.addresses import route_addresses
from streamer.notify.delivery import carrier_of


def send_trial(settings: Settings, environ: Mapping[str, str], route: str) -> str:
    """Send a message on a route, and return a line that says so.

    Parameters
    ----------
    settings
        The settings.
    environ
        Names and values, as `os.environ` has them.
    route
        The route's name.

    Raises
    ------
    SettingsError
        There is no such route.
    StreamerError
        The message does not arrive; the text names the cause.

    Examples
    --------
    >>> send_trial(Settings(), {}, "duty")
    Traceback (most recent call last):
    retail_anomaly.settings.model.SettingsError: --test duty: there is no route in notify.routes
    """
    routes = settings.notify.routes
    if route not in routes:
        raise SettingsError(
            f"--test {route}: there is no route in notify.routes"
            if not routes
            else f"--test {route}: unknown route; {nearest(route, routes)}"
        )
    now = time.time_ns() // 1_000_000
    # Without a critical severity: a test must wake nobody.
    note = AlertNote(
        f"test-{now}", 1, "TEST", "no store", now, "low", "This is a test of the route; nothing happened."
    )
    built = routes[route].route(route)
    only = {name: each for name, each in routes.items() if name == route}
    addresses = route_addresses(_with_routes(settings, only), environ)
    carrier = carrier_of(built, addresses[route], settings.notify.timeout / 1000)
    delivery = carrier.deliver(Message(route, "no store", (note,)))
    if delivery.outcome != "sent":
        raise StreamerError(f"route {route} ({built.service}): {delivery.reason}")
    return f"route {route} ({built.service}): the service has taken the message"


def _with_routes(settings: Settings, routes: Mapping[str, object]) -> Settings:
    return replace(settings, notify=replace(settings.notify, routes=dict(routes)))
