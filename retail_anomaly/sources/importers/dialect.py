"""Dialects of POSLog: YAML files that say by which path each field is found."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.records import InvalidRecord, record_from

SHIPPED: Final = ("poslog-2", "poslog-6")
"""The dialects in the package, the one that is tried first in front."""

Paths = dict[str, list[str]]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a transaction that may stand several times.

    Parameters
    ----------
    elements
        The paths of its element.
    fields
        The paths of its fields, below the element.
    """

    elements: list[str]
    fields: Paths


class Statuses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a transaction by its status; texts in any case.

    Parameters
    ----------
    finished, suspended, cancelled, voided, post_voided
        The statuses of each kind.
    """

    finished: list[str]
    suspended: list[str]
    cancelled: list[str]
    voided: list[str]
    post_voided: list[str]


class LinkReasons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reasons of links that mean something; texts in any case.

    Parameters
    ----------
    void, resume
        The link names the transaction that is voided, or resumed.
    """

    void: list[str]
    resume: list[str]


class Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paths by which a till's POSLog is read.

    Parameters
    ----------
    name
        Its name.
    transaction
        The element of a transaction.
    fields
        Paths of the transaction's fields.
    control, control_fields
        Paths that make a transaction without goods an event, by the type of the event, and its fields.
    statuses, link_reasons, tender_kinds
        Texts that mean something.
    totals, lines, sales, returns, modifications, tenders, links
        The parts: sales, returns and tenders stand in lines, modifications in sales and returns, links in the
        transaction, its lines and their goods.
    """

    name: str
    transaction: str
    fields: Paths
    control: Paths
    control_fields: Paths
    statuses: Statuses
    totals: Part
    lines: Part
    sales: Part
    returns: Part
    modifications: Part
    tenders: Part
    links: Part
    link_reasons: LinkReasons
    tender_kinds: dict[str, str]


def read_dialect(name: str) -> Dialect:
    """Read a dialect.

    Parameters
    ----------
    name
        One in the package, or the path of a YAML file. A file with `extends` has the keys of that dialect
        where it has none of its own.

    Raises
    ------
    UsageError
        There is none of this name, or it is malformed.

    Examples
    --------
    >>> read_dialect("poslog-6").fields["register"]
    ['WorkstationID', 'TillID']
    >>> read_dialect("poslog-7")
    Traceback (most recent call last):
    retail_anomaly.core.errors.UsageError: dialect poslog-7: expected a YAML file or one of
        poslog-2, poslog-6
    """
    try:
        dialect = record_from(Dialect, _value(name))
    except InvalidRecord as error:
        raise UsageError(f"dialect {name}: {error}") from None
    for place, paths in _needed(dialect).items():
        if not paths:
            raise UsageError(f"dialect {name}: {place}: expected one path or more, got none")
    return dialect


def _needed(dialect: Dialect) -> dict[str, list[str] | None]:
    """Return the lists of paths that no dialect can do without."""
    return {
        "fields.status": dialect.fields.get("status"),
        "control_fields.amount": dialect.control_fields.get("amount"),
        "lines.elements": dialect.lines.elements,
        "links.elements": dialect.links.elements,
        "sales.fields.sku": dialect.sales.fields.get("sku"),
        "returns.fields.sku": dialect.returns.fields.get("sku"),
    }


def _value(name: str) -> Any:
    if name in SHIPPED:
        text = files("retail_anomaly.sources.importers").joinpath(f"dialects/{name}.yaml").read_text("utf-8")
    elif Path(name).is_file():
        try:
            text = Path(name).read_text("utf-8-sig")
        except (UnicodeDecodeError, OSError):
            raise UsageError(f"dialect {name}: expected YAML in UTF-8 that can be read") from None
    else:
        raise UsageError(f"dialect {name}: expected a YAML file or one of {', '.join(SHIPPED)}")
    try:
        _refuse_repeated(yaml.compose(text, Loader=yaml.SafeLoader), name)
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"dialect {name}: expected YAML: {error}") from None
    base = value.pop("extends", None) if isinstance(value, dict) else None
    if base is None:
        return value
    if base not in SHIPPED:
        raise UsageError(f"dialect {name}: extends: expected one of {', '.join(SHIPPED)}, got {base!r}")
    return _over(_value(base), value)


def _refuse_repeated(node: Any, name: str) -> None:
    """Refuse a key that stands twice in one mapping: YAML would take the last."""
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if key.value in keys:
                raise UsageError(f"dialect {name}:{key.start_mark.line + 1}: {key.value} is given twice")
            keys.add(str(key.value))
            _refuse_repeated(value, name)


def _over(base: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, own in value.items():
        merged[key] = _over(merged.get(key, {}), own) if isinstance(own, dict) else own
    return merged
