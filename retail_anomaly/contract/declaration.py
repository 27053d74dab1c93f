"""Checks of a detector's declaration: its names, its docstring, its parameters."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from retail_anomaly.contract.subject import Check, ContractError, Subject, require
from retail_anomaly.detectors import Detector, Parameters
from retail_anomaly.models.parameters import ModelParameters

_OF_A_MODEL: Final = {
    "model": "river.anomaly.HalfSpaceTrees",
    "model_parameters": {"n_trees": 3},
    "scaler": "river.preprocessing.MinMaxScaler",
}


def _named(subject: Subject) -> None:
    name, alert_type = subject.detector.name, subject.detector.alert_type
    is_name = re.fullmatch(r"(rule:)?[a-z]+(_[a-z0-9]+)*", name) is not None
    require(is_name, f"name: expected like_this, got {name!r}")
    shouts = re.fullmatch(r"[A-Z]+(_[A-Z0-9]+)*", alert_type) is not None
    require(shouts, f"alert_type: expected LIKE_THIS, got {alert_type!r}")


def _says_what_it_cannot_see(subject: Subject) -> None:
    said = subject.detector.cannot_see()
    require(bool(said), 'docstring: expected a paragraph that begins with "Cannot see: "')
    require(len(said.split()) >= 8, f"docstring: too short: {said!r}")


def _describes_its_parameters(subject: Subject) -> None:
    fields = msgspec.inspect.type_info(subject.detector.Parameters).fields  # type: ignore[attr-defined]
    for field in fields:
        require(not field.required, f"{field.name}: expected a default")
        described = (getattr(field.type, "extra_json_schema", None) or {}).get("description")
        require(bool(described), f"{field.name}: expected a description")


def _takes_what_is_in_its_ranges(subject: Subject) -> None:
    parameters = subject.detector.Parameters
    for field, limits in parameters.ranges().items():
        default = getattr(parameters(), field)
        require(not isinstance(default, bool), f"{field}: only a number can have a range")
        require(limits.low < limits.high, f"{field}: the range is empty")
        require(limits.low <= default <= limits.high, f"{field}: the default is outside of its range")
        for value in (limits.low, default, limits.high):
            steps = value / limits.step
            require(abs(steps - round(steps)) < 1e-6, f"{field}: {value} is not a multiple of {limits.step}")
            changed = msgspec.structs.replace(parameters(), **{field: type(default)(value)})
            subject.detector(changed, subject.max_late)


def _hashes_every_parameter(subject: Subject) -> None:
    default = subject.detector.Parameters()
    own = subject.detector(default, subject.max_late).config_hash
    hashes = {own: "the defaults"}
    for field in default.__struct_fields__:
        changed = _hash_with_another(subject, default, field)
        require(
            changed not in hashes,
            f"{field}: with another value the hash equals that of {hashes.get(changed)}",
        )
        hashes[changed] = field
    again = subject.detector(subject.detector.Parameters(), subject.max_late).config_hash
    require(again == own, "equal parameters have different hashes")


def _hash_with_another(subject: Subject, default: Parameters, field: str) -> str:
    for other in _others(default, field):
        changed = msgspec.structs.replace(default, **other)
        if changed == default:
            continue
        try:
            return subject.detector(changed, subject.max_late).config_hash
        except ValueError:  # out of its range
            continue
    raise ContractError(f"{field}: accepts only {getattr(default, field)!r}")


def _others(default: Parameters, field: str) -> list[dict[str, Any]]:
    """Return other values of a parameter; a River parameter comes with a River model."""
    if isinstance(default, ModelParameters) and field in _OF_A_MODEL:
        return [{"model": "river.anomaly.HalfSpaceTrees", field: _OF_A_MODEL[field]}]
    value: Any = getattr(default, field)
    if isinstance(value, bool):
        return [{field: not value}]
    if isinstance(value, int | float):
        kind = type(value)
        return [{field: kind(other)} for other in (value + 1, value / 2, value * 1.5)]
    return [{field: (*value, "x") if isinstance(value, tuple) else f"{value}x"}]


def _sees_each_sale_of_a_day(subject: Subject) -> None:
    in_runs = subject.detector.on_sales is not Detector.on_sales
    require(
        not (subject.detector.counts_days and in_runs),
        "on_sales: a detector that counts by days needs on_sale, by which it sees lines that were held back",
    )


FORM: Final[Mapping[str, Check]] = {
    "has a name and a type of alert": _named,
    "says what it cannot see": _says_what_it_cannot_see,
    "describes its parameters": _describes_its_parameters,
    "takes what is in its ranges": _takes_what_is_in_its_ranges,
    "has a hash that every parameter changes": _hashes_every_parameter,
    "sees each sale of a day that it counts": _sees_each_sale_of_a_day,
}
"""Checks that need no events; each name says something that is true of a detector that passes."""
