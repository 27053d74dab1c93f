"""The words of a rule: topics with their fields, modifiers, keys."""

from enum import Enum
from types import MappingProxyType
from typing import Final

POS: Final = "pos-events"
SECURITY: Final = "security-events"
COUNTS: Final = "inventory-counts"
MOVEMENTS: Final = "stock-movements"


class Kind(Enum):
    """The kind of a field's values.

    Examples
    --------
    >>> Kind.NUMBER.value
    'a number'
    """

    TEXT = "text"
    NUMBER = "a number"
    FLAG = "true or false"


def _fields(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


_LOCAL: Final = {"localHour": Kind.NUMBER, "weekday": Kind.TEXT}

FIELDS: Final = MappingProxyType(
    {
        POS: {
            **_fields(
                Kind.TEXT,
                "storeId cashierId eventType transactionId sku eventId registerId tender "
                "originalTransactionId businessDate originalRegisterId originalBusinessDate originalStoreId "
                "entryMethod approverId reasonCode customerToken cardToken giftCardToken",
            ),
            **_fields(
                Kind.NUMBER,
                "eventTime amount quantity lineNumber unitPrice listPrice discountAmount expectedAmount",
            ),
            **_fields(Kind.FLAG, "employeeDiscount training"),
            **_LOCAL,
            "offShift": Kind.FLAG,
            "receipt": Kind.TEXT,
        },
        SECURITY: {
            **_fields(Kind.TEXT, "storeId eventId eventType gateId"),
            "eventTime": Kind.NUMBER,
            "alarm": Kind.FLAG,
            **_LOCAL,
        },
        COUNTS: {
            **_fields(Kind.TEXT, "storeId sku managerId"),
            **_fields(Kind.NUMBER, "countedQty eventTime"),
            **_LOCAL,
        },
        MOVEMENTS: {
            **_fields(Kind.TEXT, "storeId sku reason movementId employeeId"),
            **_fields(Kind.NUMBER, "quantity eventTime"),
            **_LOCAL,
        },
    }
)
"""The fields of each topic that rules see, the made ones included."""

ALL_FIELDS: Final = {name: kind for fields in FIELDS.values() for name, kind in fields.items()}

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

NUMERIC: Final = ("gt", "gte", "lt", "lte")
MODIFIERS: Final = (*NUMERIC, "not", "exists", "startswith", "field", "share")

STATUSES: Final = ("off", "shadow", "live")
LONGEST_MESSAGE: Final = 1_000
"""Characters of a template. Each field in it may bring 1,000 more, and Kafka takes 1 MB."""

TEXT_KEYS: Final = ("description", "default_from", "cannot_see", "what_to_do")
"""Keys for readers: they decide nothing."""
KEYS: Final = (
    *("id", "version", "status", "message", "events", "by", "window", "when", "subject", "risk"),
    *("extends", "lists", "examples", *TEXT_KEYS),
)

WHEN_KEYS: Final = MappingProxyType(
    {
        "count": ("count", "gte"),
        "sum": ("sum", "gte"),
        "distinct": ("distinct", "gte"),
        "ratio": ("ratio", "gte", "min"),
        "sequence": ("sequence",),
        "absent": ("absent", "after"),
    }
)
"""The keys of `when` for each of its six kinds; `min` may be left out."""
