"""Card numbers in the texts of an export; none of them leaves it."""

import re
from typing import Final

from retail_anomaly.core.card_numbers import is_card_number

_DIGITS: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def holds_card_number(text: str) -> bool:
    """Tell whether a card number stands somewhere in a text.

    Examples
    --------
    >>> holds_card_number("VISA 4111-1111-1111-1111"), holds_card_number("4111 1111 1111 1112")
    (True, False)
    """
    return len(text) > 12 and any(map(is_card_number, _DIGITS.findall(text)))
