"""Fifty ids of employees that no other text resembles, and a search for them in bytes and files."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

from rocksdict import AccessType, Options, Rdict

# Each id has one of these in its midst, so a few words find all of them, and parts of them too.
_WORD: Final = "qzXv7wKJmH"
_DIGITS: Final = "8301472650"
_SHAPES: Final = (
    f"anna.{_WORD}%d@shop.example",
    f"Jürgen {_WORD}-%d Müßig",
    f'O\'{_WORD}%d "Bo", A=1 <b>\\&/',
    f"{_DIGITS}%d7",
    f"c-{_WORD}-%d7",
)
IDS: Final = tuple(shape % number for number in range(10) for shape in _SHAPES)
"""The ids: an address, a name, one that each format must escape, one of digits alone, a usual one."""


def _forms(text: str) -> set[bytes]:
    """Return the bytes that a text becomes in the usual encodings."""
    plain = text.encode()
    written = {
        *(plain, text.encode("utf-16-le"), text.encode("utf-16-be"), html.escape(text).encode()),
        *(json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode() for ascii_only in (True, False)),
        *(quote(text, safe=safe).encode() for safe in ("", "/")),
        # A tag, and a text field, of InfluxDB's line protocol.
        *(re.sub(f"([{which}])", r"\\\1", text).encode() for which in (r" ,=", r'"\\')),
    }
    return written | {form for each in (plain, *written) for form in _packed(each)}


def _packed(plain: bytes) -> Iterator[bytes]:
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for skipped in range(3):
        # Of the letters at both ends, some bits belong to the bytes beside.
        whole = base64.b64encode(bytes(skipped) + plain)
        inner = whole[-(-8 * skipped // 6) : (skipped + len(plain)) * 8 // 6]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


_CORES: Final = tuple(form for core in (_WORD, _DIGITS) for form in _forms(core))
_FORMS: Final = {name: _forms(name) for name in IDS}
PART: Final = "a part of an id"


def ids_in(data: bytes) -> set[str]:
    """Return the ids that bytes hold, in whatever form; `PART` for something that only begins like one."""
    if not any(core in data for core in _CORES):
        return set()
    return {name for name, forms in _FORMS.items() if any(form in data for form in forms)} or {PART}


def ids_among(values: Iterable[bytes | None]) -> set[str]:
    """Return the ids in any of some values."""
    return ids_in(b"\n".join(value for value in values if value is not None))


def ids_in_file(file: Path) -> set[str]:
    """Return the ids in a file, and in what it packs: a zip (a sheet), gzip, a table of Parquet."""
    data = file.read_bytes()
    found = ids_in(data)
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(file) as packed:
            found |= ids_among(packed.read(name) for name in packed.namelist())
    elif data.startswith(b"\x1f\x8b"):
        found |= ids_in(gzip.decompress(data))
    elif data.startswith(b"PAR1"):
        from pyarrow import parquet

        found |= ids_in(json.dumps(parquet.read_table(file).to_pylist(), default=str).encode())
    return found


def ids_in_state(folder: Path) -> set[str]:
    """Return the ids in the keys and values of a database of RocksDB, whose files may be compressed."""
    options = Options(raw_mode=True)
    families = Rdict.list_cf(str(folder), options)
    column_families = dict.fromkeys(families, options)
    database = Rdict(str(folder), options, column_families, access_type=AccessType.read_only())
    try:
        found: set[str] = set()
        for name in families:
            items = cast(Iterable[tuple[bytes, bytes]], database.get_column_family(name).items())
            found |= ids_among(part for item in items for part in item)
        return found
    finally:
        database.close()


def places_with_ids(folder: Path, leave_out: Iterable[Path] = ()) -> dict[str, set[str]]:
    """Return where ids stand below a folder: the names of files and of RocksDB's databases, with the ids.

    Parameters
    ----------
    folder
        The folder.
    leave_out
        Files and folders that are not searched.
    """
    skipped = set(leave_out)
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        if skipped & {path, *path.parents}:
            continue
        ids = ids_in(str(path.relative_to(folder)).encode())
        if path.is_file():
            ids |= ids_in_file(path)
        elif (path / "CURRENT").is_file():
            ids |= ids_in_state(path)
        if ids:
            found[str(path.relative_to(folder))] = ids
    return found
