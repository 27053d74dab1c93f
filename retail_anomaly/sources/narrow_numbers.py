"""Numbers of 32 bits, which keep their digits: 0.42 of 64 bits would be 0.41999998688697815."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Narrow: TypeAlias = "bool | dict[str, Narrow]"
"""Whether the cells of a column are such numbers; of structs, which of their fields are."""


def narrow_cells(cells: Sequence[Any], narrow: Narrow) -> Sequence[Any]:
    """Return cells with their numbers of 32 bits as those of NumPy, also in structs.

    Examples
    --------
    >>> (cell,) = narrow_cells([{"a": 0.5, "b": 0.5}], {"a": True})
    >>> type(cell["a"]).__name__, type(cell["b"]).__name__
    ('float32', 'float')
    """
    if not narrow:
        return cells
    return [_narrowed(cell, narrow) for cell in cells]


def _narrowed(cell: Any, narrow: Narrow) -> Any:
    import numpy as np  # Here: whoever has DuckDB need not have it.

    if isinstance(narrow, dict):
        if not isinstance(cell, Mapping):
            return cell
        return {name: _narrowed(inner, narrow.get(name, False)) for name, inner in cell.items()}
    return np.float32(cell) if narrow and isinstance(cell, float) else cell


def narrow_in_narwhals(dtype: Any) -> Narrow:
    """Return what is narrow in a column of narwhals."""
    import narwhals as nw

    if isinstance(dtype, nw.Struct):
        return _some({field.name: narrow_in_narwhals(field.dtype) for field in dtype.fields})
    return bool(dtype == nw.Float32)


def narrow_in_arrow(kind: Any) -> Narrow:
    """Return what is narrow in a column of Arrow."""
    from pyarrow import types

    if types.is_struct(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        return _some({field.name: narrow_in_arrow(field.type) for field in fields})
    return bool(types.is_float32(kind))


def narrow_in_duckdb(kind: Any) -> Narrow:
    """Return what is narrow in a column of DuckDB."""
    if getattr(kind, "id", None) == "struct":
        return _some({name: narrow_in_duckdb(inner) for name, inner in kind.children})
    return str(kind) == "FLOAT"


def _some(fields: dict[str, Narrow]) -> Narrow:
    return {name: narrow for name, narrow in fields.items() if narrow}
