"""The draft of a mapping: its guesses, and that it leaves nothing to be remarked on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.sources.draft import draft_mapping
from retail_anomaly.sources.frame_tables import DictTable

HEAD = "Datum;Uhrzeit;Bon-Nr;{line};{till};Filiale;Kassierer;Artikel;Menge;Betrag;Vorgang"
ROWS = [
    "14.07.2026;09:12;501;1;2;München;Jörg;0815;1;149,00;Verkauf",
    "14.07.2026;09:12;501;2;2;München;Jörg;0420;2;19,90;Verkauf",
    "14.07.2026;09:25;502;1;1;München;Jörg;0816;1;189,00;Verkauf",
    "14.07.2026;09:25;502;2;1;München;Jörg;0816;1;189,00;Verkauf",
    "14.07.2026;09:41;503;1;1;München;Heike;0901;1;1.249,00;Verkauf",
]


def export(line: str = "Pos", till: str = "Kasse", rows: list[str] = ROWS) -> str:
    return "\n".join([HEAD.format(line=line, till=till), *rows, ""])


def drafted(text: str) -> dict[str, Any]:
    head, *rows = (row.split(";") for row in text.splitlines())
    columns: dict[str, Any] = yaml.safe_load(
        draft_mapping(DictTable([dict(zip(head, row, strict=True)) for row in rows]))
    )["columns"]
    return columns


@pytest.mark.parametrize(
    "name",
    ["Pos", "Pos.", "POS-Nr", "Position", "Positionsnr", "Zeile", "Line No", "line_number", "Ligne", "Riga",
     "N° ligne", "Línea", "Linha", "Regel", "Rad", "Linje", "Rivi", "Pozycja", "Lp.", "Řádek", "Строка"],
)  # fmt: skip
def test_a_column_that_counts_within_receipts_is_the_line_number(name: str) -> None:
    columns = drafted(export(name))
    assert (columns["lineNumber"], columns["registerId"]) == (name, "Kasse")
    assert columns["transactionId"] == "Bon-Nr"


def test_pos_is_the_till_where_the_lines_of_a_receipt_share_it() -> None:
    columns = drafted(export("Pos", "Pos-ID"))
    assert (columns["lineNumber"], columns["registerId"]) == ("Pos", "Pos-ID")
    columns = drafted(export("Warengruppe", "Pos"))
    assert columns["registerId"] == "Pos"
    assert "lineNumber" not in columns


@pytest.mark.parametrize("name", ["Kasse", "Register", "Terminal", "Caja"])
def test_a_name_of_a_till_is_no_till_where_its_values_differ_within_receipts(name: str) -> None:
    assert "registerId" not in drafted(export(name, "Warengruppe"))


@pytest.mark.parametrize(
    ("values", "field"), [("111", "lineNumber"), ("123", "registerId"), ("AAA", "registerId")]
)
def test_without_a_receipt_of_several_lines_pos_is_the_line_if_each_is_the_first(
    values: str, field: str
) -> None:
    rows = [f"14.07.2026;09:1{n};50{n};{v};x;M;J;08;1;9,00;Verkauf" for n, v in enumerate(values)]
    assert drafted(export("Pos", "Warengruppe", rows))[field] == "Pos"


def test_two_tills_that_use_one_number_stay_tills() -> None:
    rows = [f"14.07.2026;1{till}:00;{n};1;{till};M;J;08;1;9,00;Verkauf" for n in range(9) for till in (1, 2)]
    assert drafted(export("Pos", "Kasse", rows))["registerId"] == "Kasse"


def workbook() -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in ["Bericht", *export().splitlines()]:
        book.active.append(row.split(";"))
    book.create_sheet("Other")
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


FORMS: dict[str, tuple[Any, list[str]]] = {
    "german.csv": (export().encode("cp1252"), ["cp1252", "a semicolon", "a decimal comma"]),
    "utf8.csv": (export().encode(), ["a semicolon", "a decimal comma"]),
    "tabs.csv": (export().replace(";", "\t").encode(), ["a tab", "a decimal comma"]),
    "bars.txt": (export().replace(";", "|").encode(), ["a bar", "a decimal comma"]),
    "titles.csv": (
        f"Bericht;;;\nMai;;;\n{export()}".encode(),
        ["a semicolon", "in line 3", "a decimal comma"],
    ),
    "titles.xlsx": (workbook, ["of 2 sheets", "in row 2", "a decimal comma"]),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_remark_about_the_form_goes_when_the_draft_states_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content, remarks = FORMS[name]
    Path(name).write_bytes(content() if callable(content) else content)
    assert main(["mapping", name, "--output", "m.yaml"]) == 0
    capsys.readouterr()
    assert main(["replay", name, "--mapping", "m.yaml", "--strict"]) == 0
    assert name not in capsys.readouterr().err

    # The same mapping without what states the form.
    stated = ("encoding:", "separator:", "header:", "sheet:", "decimal:")
    text = Path("m.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith(stated)]
    Path("m.yaml").write_text("\n".join(kept), encoding="utf-8")
    assert main(["replay", name, "--mapping", "m.yaml", "--strict"]) == 1
    *said, last = capsys.readouterr().err.splitlines()
    told = [line for line in said if line.startswith(name)]
    assert len(told) == len(remarks)
    assert all(any(remark in line and "a mapping with `" in line for line in told) for remark in remarks)
    n = f"{len(remarks)} remark{'s' if len(remarks) > 1 else ''}"
    assert last == f"--strict: exit code 1 because of {n} about the data, see above"


@pytest.mark.parametrize("command", ["replay", "convert"])
def test_strict_says_why_it_fails(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text(export().replace("189,00", ""), encoding="utf-8")
    assert main(["mapping", "a.csv", "--output", "m.yaml"]) == 0
    more = ["--out", "events"] if command == "convert" else []
    assert main([command, "a.csv", "--mapping", "m.yaml", "--strict", *more]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "--strict: exit code 1 because of 2 lines that could not be read, see above"
    )


DATES: dict[str, tuple[list[str], str, str]] = {
    "a date that there is not": (
        ["31.10.2025"] * 8 + ["31.02.2025"],
        "['DD.MM.YYYY']",
        "1 of the first 9 rows does",
    ),
    "words among dates": (
        ["31.10.2025 8:50"] * 7 + ["soon", "-"],
        "['DD.MM.YYYY HH:mm']",
        "2 of the first 9 rows do",
    ),
    "the other order": (["13/1/26"] * 5 + ["1/13/26"], "['DD/MM/YY']", "1 of the first 6 rows does"),
    "more words than dates": (["-", "-", "-", "31.10.2025"], "['DD.MM.YYYY']", "3 of the first 4 rows do"),
    "a zero date": (["31.10.2025", "00.00.0000"], "['DD.MM.YYYY']", "1 of the first 2 rows does"),
}


@pytest.mark.parametrize("name", DATES)
def test_a_bad_date_does_not_spoil_the_form_of_the_others(tmp_path: Path, name: str) -> None:
    times, form, said = DATES[name]
    plain = {"Filiale": "s", "Kassierer": "c", "Artikel": "k", "Betrag": "9.50", "Vorgang": "SALE"}
    rows = [{**plain, "Bon-Nr": str(n), "Datum": time} for n, time in enumerate(times)]
    draft = draft_mapping(DictTable(rows))
    assert [line for line in draft.splitlines() if line.startswith(f"dates: {form}")]
    (comment,) = [line for line in draft.splitlines() if "not fit" in line]
    assert comment.startswith(f"# {said} not fit, such as ")
    (tmp_path / "m.yaml").write_text(draft, encoding="utf-8")
    summary = ra.load(rows, mapping=tmp_path / "m.yaml").summary
    assert summary.unreadable == int(said.split()[0])
    assert summary.events["pos-events"] == len(times) - summary.unreadable


def test_a_word_among_dates_in_iso_needs_no_form() -> None:
    rows = [{"Bon-Nr": "1", "Datum": time} for time in ["2025-10-09", "2025-10-09", "n/a"]]
    draft = draft_mapping(DictTable(rows))
    assert "\n# 1 of the first 3 rows does not fit, such as n/a: " in draft
    assert "\ndates:" not in draft


SOLD = {"receipt": "1", "store": "s", "cashier": "c", "sku": "k", "qty": "2", "date": "2026-02-01 10:00"}


@pytest.mark.parametrize(
    "kind",
    ["Not refunded", "Non-sale", "Credit card", "Payment failed", "Unpaid", "Avoided", "Refund cancelled",
     "not_completed", "Kreditkarte Verkauf", "kein Storno"],
)  # fmt: skip
def test_a_type_that_may_be_another_is_left_to_the_reader(kind: str) -> None:
    text = draft_mapping(DictTable([SOLD | {"amount": "9.5", "type": kind}]))
    assert f"  # {kind}: SALE, REFUND or VOID?" in text.splitlines()


@pytest.mark.parametrize(
    ("names", "amount"),
    [
        (["discount amount", "Tax amount", "line amount"], "line amount"),
        (["Tax amount"], None), (["MwSt-Betrag", "Betrag"], "Betrag"),
        (["Total (tax incl.)"], "Total (tax incl.)"),
        (["Subtotal w/o Tax"], "Subtotal w/o Tax"), (["Betrag inkl. MwSt"], "Betrag inkl. MwSt"),
    ],
)  # fmt: skip
def test_a_tax_is_no_amount(names: list[str], amount: str | None) -> None:
    row = SOLD | dict.fromkeys(names, "9.5") | {"type": "SALE"}
    assert yaml.safe_load(draft_mapping(DictTable([row])))["columns"].get("amount") == amount


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("amount cents", "minor_units: 2  # amount cents looks like cents"),
        ("Price incl", "# amount: per_unit  # if Price incl is the price of one piece, and not of the line"),
    ],
)
def test_cents_and_a_price_that_may_be_of_a_piece_are_said(name: str, line: str) -> None:
    assert line in draft_mapping(DictTable([SOLD | {name: "950", "type": "SALE"}])).splitlines()
