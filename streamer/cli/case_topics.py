"""The topics that the board of `retail-anomaly review --broker` reads and writes.

The package does not know Kafka: it imports this module by name when it needs one.
"""

from pathlib import Path

from retail_anomaly.core.events import ALERTS, POS_EVENTS
from streamer.cli.options import prepare
from streamer.errors import StreamerError
from streamer.kafka.audit_topic import AuditTopic
from streamer.kafka.topic_plan import ALERT_ACTIONS, AUDIT, TopicNames
from streamer.kafka.topic_receipts import TopicReceipts
from streamer.kafka.topic_records import AuditedRecords, TopicRecords


def open_case_topics(config: Path | None, broker: str) -> tuple[TopicRecords, TopicRecords | AuditedRecords]:
    """Return the alerts and the actions of a broker.

    Parameters
    ----------
    config
        The configuration file.
    broker
        Kafka brokers, as host:port.

    Raises
    ------
    StreamerError
        The broker does not answer or a topic does not exist.
    """
    settings, connection = prepare(config, False, broker=broker)
    names = TopicNames.of_settings(settings)
    alerts, actions = (TopicRecords(connection, names.of(topic)) for topic in (ALERTS, ALERT_ACTIONS))
    if settings.privacy.audit:
        return alerts, AuditedRecords(actions, AuditTopic(connection, names.of(AUDIT)))
    return alerts, actions


def open_receipts(config: Path | None, broker: str) -> TopicReceipts | None:
    """Return the receipts behind the alerts of a broker.

    Parameters
    ----------
    config, broker
        As for `open_case_topics`.

    Returns
    -------
    TopicReceipts or None
        None with pseudonyms, for the tills send clear ids; and where the board may not see their topic.
    """
    settings, connection = prepare(config, False, broker=broker)
    if settings.privacy.pseudonyms != "none":
        return None
    try:
        return TopicReceipts(connection, TopicNames.of_settings(settings).of(POS_EVENTS))
    except StreamerError:
        return None
