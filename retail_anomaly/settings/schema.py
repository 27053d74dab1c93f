"""The settings as JSON Schema, for editors and Helm."""

import typing
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from retail_anomaly.core.durations import Duration
from retail_anomaly.settings.detector_settings import DetectorSettings, default_parameters
from retail_anomaly.settings.model import Settings
from retail_anomaly.settings.store_parameters import OwnParameters

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# No look-ahead: Go, and so Helm, has none. `config check` is stricter.
_TEXT: Final = Meta(pattern=r"^(0|(\d+(ms|[dhms]))+|P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d{1,3})?S)?)?)$")
# A number has no unit, so only 0 is clear.
_WRITTEN_DURATION: Final = Annotated[str, _TEXT] | Annotated[int, Meta(ge=0, le=0)]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a configuration file.

    Examples
    --------
    >>> burst = json_schema()["$defs"]["RefundBurstParameters"]["properties"]
    >>> burst["count"]["minimum"], burst["window"]["default"]
    (1, '10m')
    """
    (root,), definitions = msgspec.json.schema_components(
        [_as_written(Settings, _detectors_as_written())], ref_template="#/$defs/{name}"
    )
    return {"$schema": DIALECT, "title": "retail-anomaly", **root, "$defs": definitions}


def _as_written(
    section: type[msgspec.Struct], detectors: type[msgspec.Struct], name: str | None = None
) -> type[msgspec.Struct]:
    """Return a section's twin whose durations are text, as in a file; `detectors` is that of all detectors.

    msgspec can't write a default of a type of ours into a schema.
    """
    hints = typing.get_type_hints(section, include_extras=True)
    fields: list[Any] = []
    for field in msgspec.structs.fields(section):
        kind, default = _twin(hints[field.name], detectors), field.default
        if isinstance(default, Duration):
            default = str(default)
        elif default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=dict)
        fields.append((field.name, kind, default))
    return _struct(name or section.__name__, fields, section.__doc__)


def _detectors_as_written() -> type[msgspec.Struct]:
    # Named after the detector, for a schema has each name once and two detectors can share a class.
    fields: list[Any] = [
        (
            name,
            _as_written(type(parameters), msgspec.Struct, f"{name.title().replace('_', '')}Parameters"),
            msgspec.field(default_factory=dict),
        )
        for name, parameters in default_parameters().items()
    ]
    return _struct(DetectorSettings.__name__, fields, DetectorSettings.__doc__)


def _struct(name: str, fields: list[Any], documentation: str | None) -> type[msgspec.Struct]:
    struct = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True, module=__name__)
    # The first paragraph; the rest is for readers of the code.
    struct.__doc__ = (documentation or "").strip().partition("\n\n")[0]
    return struct


def _twin(kind: Any, detectors: type[msgspec.Struct]) -> Any:
    if typing.get_origin(kind) is Annotated:
        bare, meta = typing.get_args(kind)
        if kind == OwnParameters:
            return Annotated[detectors, meta]
        if bare is Duration:
            return Annotated[_WRITTEN_DURATION, meta]
        return Annotated[_twin(bare, detectors), meta]
    if typing.get_origin(kind) is dict:
        return dict[str, _twin(typing.get_args(kind)[1], detectors)]  # type: ignore[misc]
    if kind is DetectorSettings:
        return detectors
    if kind is Duration:
        return _WRITTEN_DURATION
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _as_written(kind, detectors)
    return kind
