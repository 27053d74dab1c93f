"""A rule as JSON Schema, for editors that complete and check it."""

from typing import Any, Final

from retail_anomaly.rules.vocabulary import (
    ALL_FIELDS,
    FIELDS,
    KEYS,
    LONGEST_MESSAGE,
    NUMERIC,
    STATUSES,
    TEXT_KEYS,
    WHEN_KEYS,
    Kind,
)

_NUMBER: Final = {"type": "number"}
_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_PAIR: Final = {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2}
_TYPES: Final = {
    # YAML has numbers and dates where text is meant: 0012, 2025-10-09.
    Kind.TEXT: {"type": ["string", "number"]},
    Kind.NUMBER: {"anyOf": [_NUMBER, {"type": "string", "pattern": r"^\$"}]},
    Kind.FLAG: _FLAG,
}


def rule_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a rule file: one rule or a list.

    `rules check` is stricter: it knows which fields belong to a topic and which events a rule has.

    Examples
    --------
    >>> rule_schema()["$defs"]["rule"]["properties"]["status"]["enum"]
    ['off', 'shadow', 'live']
    """
    one = {"$ref": "#/$defs/rule"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "retail-anomaly rules",
        "anyOf": [one, {"type": "array", "items": one}],
        "$defs": {"rule": _rule(), "filter": _filter(), "when": _when()},
    }


def _rule() -> dict[str, Any]:
    fields = {"type": "string", "enum": sorted(ALL_FIELDS)}
    known: dict[str, Any] = {
        "id": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
        "version": {"type": "integer", "minimum": 0},
        "status": {"enum": list(STATUSES)},
        "message": {**_TEXT, "maxLength": LONGEST_MESSAGE},
        "events": {"type": "object", "minProperties": 1, "additionalProperties": _filters()},
        "by": {"type": "array", "items": fields},
        "window": {"type": "string", "description": "A duration such as 10m or 8h, day or receipt."},
        "when": {"$ref": "#/$defs/when"},
        "subject": {"type": "string", "enum": [n for n, kind in ALL_FIELDS.items() if kind is Kind.TEXT]},
        "risk": {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "array", "items": {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}},
            ]
        },
        "extends": _TEXT,
        "lists": {"type": "object", "additionalProperties": {"type": "array"}},
        "examples": {
            "type": "object",
            "properties": {name: {"type": "array"} for name in ("fires", "quiet")},
            "additionalProperties": False,
        },
        **dict.fromkeys(TEXT_KEYS, _TEXT),
    }
    return {
        "type": "object",
        "properties": {key: known[key] for key in KEYS},
        "required": ["id"],
        "anyOf": [{"required": ["events", "window", "when"]}, {"required": ["extends"]}],
        "additionalProperties": False,
    }


def _filters() -> dict[str, Any]:
    one = {"$ref": "#/$defs/filter"}
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _filter() -> dict[str, Any]:
    known: dict[str, Any] = {"topic": {"enum": list(FIELDS)}}
    for name, kind in ALL_FIELDS.items():
        value = _TYPES[kind]
        known[name] = known[f"{name}|not"] = {"anyOf": [value, _TEXT, {"type": "array", "items": value}]}
        known[f"{name}|exists"] = _FLAG
        known[f"{name}|field"] = _TEXT
        if kind is Kind.TEXT:
            known[f"{name}|startswith"] = value
        if kind is Kind.NUMBER:
            known |= {f"{name}|{modifier}": _NUMBER for modifier in NUMERIC}
            known[f"{name}|share"] = {
                "type": "array",
                "prefixItems": [_TEXT, _NUMBER],
                "minItems": 2,
                "maxItems": 2,
            }
    return {"type": "object", "properties": known, "additionalProperties": False}


def _when() -> dict[str, Any]:
    keys: dict[str, Any] = {"gte": _NUMBER, "min": {"type": "integer", "minimum": 1}, "after": _TEXT}
    kinds = []
    for kind, allowed in WHEN_KEYS.items():
        subject = _PAIR if kind in ("ratio", "sequence") else _TEXT
        kinds.append(
            {
                "type": "object",
                "properties": {kind: subject, **{key: keys[key] for key in allowed if key in keys}},
                "required": [key for key in allowed if key != "min"],
                "additionalProperties": False,
            }
        )
    return {"anyOf": kinds}
