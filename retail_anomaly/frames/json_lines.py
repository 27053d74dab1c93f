"""Files of JSON lines, read with an error that names file, line and field."""

from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from retail_anomaly.core.records import InvalidRecord

T = TypeVar("T")


def read_json_lines(path: str | Path, decode: Callable[[bytes], T]) -> list[T]:
    """Read a file of JSON lines; blank lines and a byte order mark are skipped.

    Parameters
    ----------
    path
        The file.
    decode
        Makes a value of one line, or raises `InvalidRecord`.

    Raises
    ------
    InvalidRecord
        A line is wrong; the text begins with the file and the line's number.

    Examples
    --------
    >>> import tempfile
    >>> from retail_anomaly.core.incidents import decode_incident
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "incidents.jsonl"
    ...     _ = path.write_text('{"incidentId": "i-1"}')
    ...     read_json_lines(path, decode_incident)
    Traceback (most recent call last):
    ...
    retail_anomaly.core.records.InvalidRecord: ...:1: scenario: expected text, the field is missing
    """
    values = []
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            value = line.removeprefix(BOM_UTF8)
            if value.isspace() or not value:
                continue
            try:
                values.append(decode(value))
            except InvalidRecord as error:
                raise InvalidRecord(error.field, f"{path}:{number}: {error}") from None
    return values
