"""A real Kafka for tests: Apache Kafka's own jars, one node in KRaft mode, started by a fixture.

`jars` fetches them once, `server` starts and ends a broker, `records` writes and reads topics.
"""

from tests.kafka.jars import KafkaUnavailableError
from tests.kafka.records import Record, consume, create_topics, fresh_name, produce
from tests.kafka.server import KafkaServer, KafkaStartError

__all__ = [
    "KafkaServer",
    "KafkaStartError",
    "KafkaUnavailableError",
    "Record",
    "consume",
    "create_topics",
    "fresh_name",
    "produce",
]
