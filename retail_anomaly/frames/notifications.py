"""A dry run of the notifications: who would have been told of which alerts, and when."""

from collections.abc import Callable, Iterator
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

from retail_anomaly.cases import Action
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.frames.cases import Actions, Alerts, action_structs, alert_structs
from retail_anomaly.frames.times import utc_times
from retail_anomaly.notifications import Message, Notifier
from retail_anomaly.settings import Settings, SettingsError
from retail_anomaly.settings.notify_settings import notifier_of

_COLUMNS: Final = (
    *("time", "local_time", "route", "service", "store_id", "severity", "alerts"),
    *("alert_ids", "revisions", "title", "text"),
)


def notify(alerts: Alerts, settings: Settings | None = None, *, actions: Actions = ()) -> pd.DataFrame:
    """Return the messages that would have been sent, and to whom; nothing is sent.

    Each alert counts as seen at the time of its event. Each message arrives at once, so a limit, a digest and
    quiet hours act as they do live.

    Parameters
    ----------
    alerts
        A DataFrame of alerts, `Alert` objects, or an alerts file.
    settings
        ``notify``, ``privacy`` and ``stores.ID.time_zone`` count; see `retail_anomaly.load_settings`. No
        address is looked up in the environment.
    actions
        Snooze and allow entries, as for `retail_anomaly.triage`: nobody is told of the alerts they cover.

    Returns
    -------
    pandas.DataFrame
        One row a message in order of time: ``time`` (UTC), ``local_time`` (of the store), ``route``,
        ``service``, ``store_id``, ``severity``, ``alerts`` (their number), ``alert_ids``, ``revisions``,
        ``title``, ``text``.

    Raises
    ------
    SettingsError
        There is no route.
    InvalidRecord
        An alert or an action is wrong; the text names file, line and field. The error is a ValueError.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> from retail_anomaly.settings.notify_settings import NotifySettings, RouteSettings
    >>> duty = RouteSettings(service="slack", address="SLACK_URL", quiet=("08:00-12:00",))
    >>> sent = notify(example_alerts(), Settings(notify=NotifySettings(routes={"duty": duty})))
    >>> sent[["route", "local_time", "title"]].values.tolist()
    [['duty', '10:53', 'Critical: shrinkage in store-1'], ['duty', '12:00', 'High: refund burst in store-1']]
    """
    settings = settings or Settings()
    if not settings.notify.routes:
        raise SettingsError(
            "notify.routes: expected a route, there is none; docs/notifications.md shows some"
        )
    notifier = notifier_of(settings.notify, settings.zone)
    records: list[Alert | Action] = [*action_structs(actions, settings.privacy), *alert_structs(alerts)]
    sent = sorted(_sent(notifier, sorted(records, key=_time)), key=lambda each: each[0])
    rows = [_row(at, message, notifier, settings.zone) for at, message in sent]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return frame.assign(time=utc_times(frame["time"]))


def _sent(notifier: Notifier, records: list[Alert | Action]) -> Iterator[tuple[int, Message]]:
    stores: dict[str, StoreMemory] = {}
    for record in records:
        now = _time(record)
        store = stores.get(record.store_id)
        if store is None:
            store = stores[record.store_id] = notifier.new_store(record.store_id)
        yield from _due_until(now - 1, store, notifier)
        notifier.process(record, store, now)
        yield from _due_until(now, store, notifier)
    for store in stores.values():
        yield from _due_until(None, store, notifier)


def _due_until(last: int | None, store: StoreMemory, notifier: Notifier) -> Iterator[tuple[int, Message]]:
    """Yield the messages that are due up to a time; None: all that are left."""
    while (due := notifier.waiting(store)[1]) is not None and (last is None or due <= last):
        for message in notifier.messages(store, due):
            notifier.delivered(message, store, due)
            yield due, message


def _time(record: Alert | Action) -> int:
    return record.time if isinstance(record, Action) else record.event_time


def _row(
    at: int, message: Message, notifier: Notifier, zone: Callable[[str], ZoneInfo]
) -> tuple[object, ...]:
    local = pd.Timestamp(at, unit="ms", tz=zone(message.store_id))
    return (
        *(at, f"{local:%H:%M}", message.route, notifier.routes[message.route].service),
        *(message.store_id, message.severity, len(message.notes)),
        [note.alert_id for note in message.notes],
        [note.revision for note in message.notes],
        *(message.title, message.text),
    )
