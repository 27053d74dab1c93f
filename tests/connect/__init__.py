"""Kafka Connect for tests: its own runtime with a connector, and the PostgreSQL that it writes to."""

from tests.connect.postgres import Postgres, PostgresUnavailableError
from tests.connect.worker import ConnectWorker

__all__ = ["ConnectWorker", "Postgres", "PostgresUnavailableError"]
