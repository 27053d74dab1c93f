"""Card numbers in place of tokens: they must reach no topic, no file and no log line."""

import re
from collections.abc import Mapping
from typing import Any, Final

TOKENS: Final = ("customerToken", "cardToken", "giftCardToken")
"""The fields that stand for a customer or a card, by their names on the wire."""

# Blanks and dashes of any kind may stand between the digits.
_SEPARATORS: Final = re.compile(r"[\s\-\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+")
_SHORTEST: Final = 13
_LONGEST: Final = 19
# Digits in groups, as a text may bear a number of a card.
_GROUPS: Final = re.compile(r"\d+(?:[\s\-\u2010-\u2015\u2212]\d+)*")
# A token and its content in bytes that need not be JSON; the content may be cut off.
_FIELD: Final = re.compile(
    rf'["\']?({"|".join(TOKENS)})["\']?\s*[:=]\s*["\']?([^"\',}}\]]{{{_SHORTEST},100}})', re.IGNORECASE
)


def is_card_number(text: str) -> bool:
    """Tell whether a text is a card number: 13 to 19 digits that pass the Luhn check.

    Parameters
    ----------
    text
        Blanks and dashes in it do not count.

    Returns
    -------
    bool
        True for what may be the number of a payment card; one in ten random numbers may be one, too.

    Examples
    --------
    >>> is_card_number("4111 1111 1111 1111"), is_card_number("4111 1111 1111 1112"), is_card_number("tok_1")
    (True, False, False)
    """
    if len(text) < _SHORTEST:
        return False
    digits = _SEPARATORS.sub("", text)
    if not (_SHORTEST <= len(digits) <= _LONGEST and digits.isdecimal()):
        return False
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def without_card_numbers(text: str) -> str:
    """Return a text in which each number that may be a card's is masked.

    Examples
    --------
    >>> without_card_numbers("on 2025-10-09 4111 1111 1111 1111 was refunded 3 times")
    'on 2025-10-09 *** was refunded 3 times'
    """
    return _GROUPS.sub(lambda found: _masked_groups(found[0]), text)


def card_number_field(value: Mapping[str, Any]) -> str | None:
    """Return the token of an event's value that is a card number, or None.

    Examples
    --------
    >>> card_number_field({"cardToken": 4111111111111111, "customerToken": "c-17"})
    'cardToken'
    """
    for name in TOKENS:
        token = value.get(name)
        if token is not None and not isinstance(token, bool) and is_card_number(_written(token)):
            return name
    return None


def bears_card_number(raw: bytes) -> bool:
    """Tell whether a token in bytes that may be anything, such as JSON cut off, is a card number.

    Examples
    --------
    >>> bears_card_number(b'{"cardToken": "4111-1111-1111-1111", "amou')
    True
    """
    text = raw.decode("utf-8", "replace")
    if "oken" not in text.lower():
        return False
    return any(is_card_number(content.strip()) for _, content in _FIELD.findall(text))


def _written(token: Any) -> str:
    if isinstance(token, float) and token.is_integer():
        return f"{token:.0f}"
    # A longer integer is no card number, and Python refuses to write one of thousands of digits.
    return str(token) if not isinstance(token, int) or 0 <= token < 10**_LONGEST else ""


def _masked_groups(text: str) -> str:
    """Mask the neighbouring groups of digits that make a card number together."""
    groups = list(re.finditer(r"\d+", text))
    for begin, first in enumerate(groups):
        for last in groups[begin:]:
            if last.end() - first.start() > 2 * _LONGEST:
                break
            if is_card_number(text[first.start() : last.end()]):
                return f"{text[: first.start()]}***{_masked_groups(text[last.end() :])}"
    return text
