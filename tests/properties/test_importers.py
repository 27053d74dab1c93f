"""Whatever is wrong in an export of a till: its other rows are read, and all of them are events or reported.

`READER_EXAMPLES=20000` runs the long form.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from retail_anomaly.core.codec import decode
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.sources.importers.dsfinvk import import_dsfinvk
from retail_anomaly.sources.importers.poslog import import_poslog
from retail_anomaly.sources.importers.report import ImportReport
from tests.support.dsfinvk import export_bytes, write_folder
from tests.support.odd_values import LONG, TEXTS
from tests.support.poslog import item, link, log, tender, total, transaction
from tests.support.till_export import ExportedTill, line

WORDS = TEXTS | st.sampled_from(
    [
        "Beleg",
        "AVTraining",
        "Umsatz",
        "1",
        "-1,00",
        "2026-03-02T12:00:00",
        "K1",
        "true",
        "Voided",
        "9999999999999",
    ]
)


def dsfinvk_files() -> dict[str, bytes]:
    till = ExportedTill()
    till.closing(1)
    till.receipt("1", line("a", 5.0), line("b", 2.5, 2, discount=0.5))
    till.receipt("2", line("a", -5.0, -1), refers=("K1", 1, "1"))
    till.receipt("3", line("c", 1.0), line("c", -1.0, -1, void=True), line("d", 1.0))
    till.receipt("4", line("Einlage", 50.0, kind="Einzahlung"))
    till.receipt("5", line("e", 5.0), kind="AVTraining")
    till.receipt("6", line("f", 9.0))
    return export_bytes(till.tables)


DSFINVK = dsfinvk_files()
LINES = 9
# A receipt that is left out is told of once, and has three lines at the most.
HEADS = "transactions.csv"
LEFT_OUT = 2
TABLES = sorted(name for name in DSFINVK if name.endswith(".csv"))


def table(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=";"))


def content(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def accounted(out: Any, report: ImportReport) -> int:
    """Return how many things were told; each event that was written is a valid one."""
    raw = (out / "pos-events.jsonl").read_bytes().splitlines()
    for event in raw:
        decode("pos-events", event)
    assert len(raw) == report.events.total()
    assert all("\n" not in told for told in report.lines())
    return len(raw) + report.unmapped.total() + report.notes.total()


CELL = st.tuples(st.sampled_from(TABLES), st.integers(1, 9), st.integers(0, 25), WORDS)


@LONG
@given(cells=st.lists(CELL, min_size=1, max_size=4))
def test_a_cell_of_a_dsfinv_k_export_costs_its_own_rows(tmp_path, cells):
    files = dict(DSFINVK)
    for name, place, column, word in cells:
        rows = table(files[name])
        row = rows[1 + place % (len(rows) - 1)]
        row[column % len(row)] = word
        files[name] = content(rows)
    report = import_dsfinvk([write_folder(tmp_path / "in", files)], tmp_path / "out")
    assert accounted(tmp_path / "out", report) >= LINES - LEFT_OUT * sum(c[0] == HEADS for c in cells)


SLIPS = st.sampled_from(['"', '""', ';"', '";', ";", "\\", "\x00", "\r", "\n", "\ufeff", "\u20ac"])


@LONG
@given(
    name=st.sampled_from(["lines.csv", "transactions.csv", "lines_vat.csv"]),
    slip=SLIPS,
    share=st.floats(0, 1),
)
def test_a_slip_in_a_dsfinv_k_table_costs_one_row(tmp_path, name, slip, share):
    first = DSFINVK[name].index(b"\n") + 1
    place = first + int(share * (len(DSFINVK[name]) - first))
    slipped = DSFINVK[name][:place] + slip.encode() + DSFINVK[name][place:]
    report = import_dsfinvk([write_folder(tmp_path / "in", DSFINVK | {name: slipped})], tmp_path / "out")
    assert accounted(tmp_path / "out", report) >= LINES - LEFT_OUT * (name == HEADS)
    assert report.events.total() >= LINES - 3


EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.binary(max_size=9)), min_size=1, max_size=4)


def edited(raw: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for share, removed, added in edits:
        place = int(share * len(raw))
        raw = raw[:place] + added + raw[place + removed :]
    return raw


@LONG
@given(name=st.sampled_from(sorted(DSFINVK)), edits=EDITS)
def test_bytes_of_a_dsfinv_k_export_are_read_or_refused_in_one_line(tmp_path, name, edits):
    files = DSFINVK | {name: edited(DSFINVK[name], edits)}
    try:
        report = import_dsfinvk([write_folder(tmp_path / "in", files)], tmp_path / "out")
    except RetailAnomalyError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        accounted(tmp_path / "out", report)


POSLOG = log(
    transaction(1, item("a", 5.0), item("b", 2.5, 2, line=2, unit=1.25), tender(7.5), total(7.5)),
    transaction(2, item("a", 5.0, kind="Return"), link(1)),
    transaction(3, item("c", 1.0), item("c", 1.0, line=2, void=True), total(0)),
    transaction(4, item("d", 5.0), flags='TrainingModeFlag="true"'),
    transaction(5, item("e", 5.0), item("f", 5.0, line=2)),
).encode()
KINDS = st.sampled_from(["text", "attribute", "rename", "remove", "twice"])
PRINTABLE = WORDS.map(lambda word: "".join(sign for sign in word if sign.isprintable()))


@LONG
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 200), KINDS, PRINTABLE),
        min_size=1,
        max_size=4,
    )
)
def test_elements_of_a_poslog_are_events_or_reported(tmp_path, edits):
    root = etree.fromstring(POSLOG)
    for place, edit, word in edits:
        elements = list(root.iter())[1:]
        element = elements[place % len(elements)]
        if edit == "text":
            element.text = word
        elif edit == "attribute" and element.attrib:
            element.attrib[element.attrib.keys()[place % len(element.attrib)]] = word
        elif edit == "rename":
            element.tag = "Other"
        elif edit == "remove":
            element.getparent().remove(element)
        elif edit == "twice":
            element.addnext(etree.fromstring(etree.tostring(element)))
    (tmp_path / "a.xml").write_bytes(etree.tostring(root))
    goods = sum(etree.QName(found).localname in ("Sale", "Return") for found in root.iter())
    try:
        report = import_poslog([tmp_path / "a.xml"], tmp_path / "out")
    except RetailAnomalyError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert accounted(tmp_path / "out", report) >= goods


@LONG
@given(edits=EDITS)
def test_bytes_of_a_poslog_are_read_or_refused_in_one_line(tmp_path, edits):
    (tmp_path / "a.xml").write_bytes(edited(POSLOG, edits))
    try:
        report = import_poslog([tmp_path / "a.xml"], tmp_path / "out")
    except RetailAnomalyError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        accounted(tmp_path / "out", report)
