"""User names and passwords in addresses: refused where given, masked wherever they would be printed."""

import re
from typing import Final

_CREDENTIALS: Final = re.compile(r"""[^\s'"(]*:\S*@""")

KAFKA_CREDENTIALS: Final = (
    "expected host:port, got a user name or password: put them into the environment variables "
    "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
)
"""Says where the credentials for a Kafka go."""


def has_credentials(address: str) -> bool:
    """Return whether an address holds a user name or a password.

    Examples
    --------
    >>> has_credentials("me:secret@kafka:9092"), has_credentials("kafka-1:9092,kafka-2:9092")
    (True, False)
    """
    return "@" in address


def masked(text: str) -> str:
    """Return a text in which the user names and passwords of addresses are masked.

    Examples
    --------
    >>> masked("no answer from 'http://me:secret@db:8086'")
    "no answer from '***@db:8086'"
    """
    return _CREDENTIALS.sub("***@", text) if "@" in text else text
