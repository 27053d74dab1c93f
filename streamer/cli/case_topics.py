"""The topics that the board of `retail-anomaly review --broker` reads and writes.

The package does not know Kafka: it imports this module by name when it needs one.
"""

from pathlib import Path

from retail_anomaly.core.events import ALERTS
from streamer.cli.options import prepare
from streamer.kafka.audit_topic import AuditTopic
from streamer.kafka.topic_plan import ALERT_ACTIONS, AUDIT, TopicNames
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
