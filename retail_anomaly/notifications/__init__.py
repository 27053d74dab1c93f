"""Who is told of which alert, and when: the decisions behind `retail-streamer notify` and `ra.notify`."""

from retail_anomaly.notifications.hours import WeekHours, minute_of_day
from retail_anomaly.notifications.message import Message
from retail_anomaly.notifications.note import AlertNote, AlertPlace
from retail_anomaly.notifications.notifier import Decision, Notifier
from retail_anomaly.notifications.route import Route, Service

__all__ = [
    "AlertNote",
    "AlertPlace",
    "Decision",
    "Message",
    "Notifier",
    "Route",
    "Service",
    "WeekHours",
    "minute_of_day",
]
