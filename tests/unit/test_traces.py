"""The search for ids finds each of them in whatever form it was written."""

from __future__ import annotations

import base64
import gzip
import json
import zipfile
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from tests.support.traces import IDS, PART, ids_in, places_with_ids

FORMS = {
    "plain": lambda who: who.encode(),
    "JSON": lambda who: json.dumps({"a": who}).encode(),
    "JSON of a dead letter": lambda who: base64.b64encode(json.dumps({"a": who}).encode()),
    "base64, one byte on": lambda who: base64.b64encode(b"1" + who.encode()),
    "base64, two bytes on": lambda who: base64.urlsafe_b64encode(b"12" + who.encode()),
    "hexadecimal": lambda who: who.encode().hex().encode(),
    "UTF-16": lambda who: who.encode("utf-16-le"),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_id_is_found_in_each_form_and_no_other_one(form: str) -> None:
    assert {who: ids_in(b"so" + FORMS[form](who) + b"on") for who in IDS} == {who: {who} for who in IDS}


def test_a_part_of_an_id_is_found_and_other_texts_are_not() -> None:
    assert ids_in(IDS[0][3:18].encode()) == {PART}
    assert ids_in(b"c-1-1, E-7f3k9mq2x4hd, 1760000000000") == set()


def test_ids_are_found_in_packed_files_and_in_databases(tmp_path: Path) -> None:
    who, text = IDS[7], IDS[7].encode() * 50
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", text)
    (tmp_path / "a.gz").write_bytes(gzip.compress(text))
    database = Rdict(str(tmp_path / "state"), Options(raw_mode=True))
    family = database.create_column_family("x", Options(raw_mode=True))
    family[b"key"] = text
    family.close()
    database.close()

    found = places_with_ids(tmp_path, [tmp_path / "a.zip"])

    assert {"a.gz", "state"} <= set(found)
    assert set.union(*places_with_ids(tmp_path).values()) == {who}
    assert "a.zip" in places_with_ids(tmp_path)
