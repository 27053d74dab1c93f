"""The reasons why a detector can't judge an event, in words."""

from collections.abc import Mapping
from typing import Final

WHY_UNDECIDED: Final[Mapping[str, str]] = {
    "young log": "the receipt may be older than the log",
    "memory passed": "the receipt is older than the memory of sales",
    "no receipt": "no such receipt is known",
    "several receipts": "the number names several receipts",
    "other store": "the receipt is one of another store",
    "model failed": "the model failed",
    "too many ids": "more ids came than are kept of a store",
}
"""By reason, as metrics and counts name it."""
