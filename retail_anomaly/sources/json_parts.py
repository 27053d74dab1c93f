"""The parts of an array or an object of JSON that a decoder refuses for one of them."""

import re
from typing import Final

# What can begin or end a part, and texts, in which none of it counts.
_SIGNS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{},]', re.DOTALL)


def json_parts(raw: bytes) -> list[bytes] | None:
    """Divide an array into its elements, or an object into its members, without decoding them.

    Python writes ``NaN`` into JSON, which is none: the element with it is then one that can't be read, and
    the others can.

    Parameters
    ----------
    raw
        The array or the object.

    Returns
    -------
    list of bytes, or None
        None if it does not end, or if something stands after it.

    Examples
    --------
    >>> json_parts(b'[{"amount": NaN}, {"sku": "a, b"}]')
    [b'{"amount": NaN}', b'{"sku": "a, b"}']
    >>> json_parts(b'[{"amount": 1}') is None
    True
    """
    raw = raw.strip()
    if raw[:1] not in (b"[", b"{"):
        return None
    found: list[bytes] = []
    depth = start = 0
    for sign in _SIGNS.finditer(raw):
        text = sign[0]
        if text in (b"[", b"{"):
            depth += 1
            start = start or sign.end()
        elif text in (b"]", b"}"):
            depth -= 1
        ends = text == b"," and depth == 1
        if ends or depth == 0:
            part = raw[start : sign.start()].strip()
            if part or ends or found:
                found.append(part)
            start = sign.end()
        if depth == 0:
            return found if sign.end() == len(raw) else None
    return None
