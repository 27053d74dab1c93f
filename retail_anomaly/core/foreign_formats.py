"""Formats that producers send where plain JSON is expected, recognised so that a reason can name them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

_STARTS: Final = (
    (b"\x1f\x8b", "gzip", "let the Kafka client compress records"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "let the Kafka client compress records"),
    (b"Obj\x01", "an Avro file", "produce JSON"),
    (b"PAR1", "a Parquet file", "produce JSON"),
    (b"\xac\xed\x00\x05", "a serialised Java object", "produce JSON"),
    (b"\xff\xfe", "UTF-16", "produce UTF-8"),
    (b"\xfe\xff", "UTF-16", "produce UTF-8"),
)
_FRAME_BYTES: Final = 5


def foreign_format(raw: bytes) -> str | None:
    r"""Return the name of a value's format and the way to JSON, or None for a format that is not known.

    Parameters
    ----------
    raw
        A value that is no event.

    Examples
    --------
    >>> foreign_format(b"\x00\x00\x00\x00\x07\x02s")
    "a schema registry's frame (schema 7): produce JSON without the registry's serializer"
    >>> foreign_format(b'{"schema": {}, "payload": {"storeId": "s"}}')
    "Kafka Connect's envelope: set value.converter.schemas.enable=false"
    >>> foreign_format(b'{"storeId": "s"}') is None
    True
    """
    if raw[:1] == b"\x00" and len(raw) >= _FRAME_BYTES:
        schema = int.from_bytes(raw[1:_FRAME_BYTES], "big")
        return f"a schema registry's frame (schema {schema}): produce JSON without the registry's serializer"
    for start, name, advice in _STARTS:
        if raw.startswith(start):
            return f"{name}: {advice}"
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(value, str):
        return "JSON within a JSON text: produce the object itself" if value.lstrip()[:1] == "{" else None
    if not isinstance(value, Mapping):
        return None
    inner = value.get("payload", value) if value.keys() <= {"schema", "payload"} else value
    if isinstance(inner, Mapping) and _is_change(inner):
        return "Debezium's envelope: unwrap it with the transform ExtractNewRecordState"
    if value.keys() == {"schema", "payload"}:
        return "Kafka Connect's envelope: set value.converter.schemas.enable=false"
    if "specversion" in value and "type" in value and "source" in value:
        return "a CloudEvents envelope: produce its data"
    return None


def foreign_key(key: bytes | None, store_id: str) -> str | None:
    """Return how a key's format differs from a plain store id and the way there, or None.

    Parameters
    ----------
    key
        A record's key that is not its store.
    store_id
        The store.

    Examples
    --------
    >>> foreign_key(b'"store-1"', "store-1")
    'the key is JSON text: use a string serializer (Connect: key.converter=StringConverter)'
    >>> foreign_key(b"till-7", "store-1") is None
    True
    """
    if key is None:
        return None
    if key[:1] == b"\x00" and len(key) >= _FRAME_BYTES:
        return "the key is a schema registry's frame: use a string serializer"
    try:
        value: Any = msgspec.json.decode(key)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if value == store_id:
        return "the key is JSON text: use a string serializer (Connect: key.converter=StringConverter)"
    if isinstance(value, Mapping):
        return "the key is a JSON object: use the plain store id (Connect: the transform ExtractField$Key)"
    return None


def _is_change(value: Mapping[str, Any]) -> bool:
    return "op" in value and ("before" in value or "after" in value)
