"""Large POSLog files are parsed by a second process; that changes nothing that comes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_anomaly.sources.importers import pos_logs
from retail_anomaly.sources.importers.export_files import ExportError
from retail_anomaly.sources.importers.poslog import import_poslog
from tests.support.poslog import item, log, tender, transaction

MANY = [
    transaction(
        n,
        item(f"k{n % 7}", 5.0 + n, void=n % 11 == 0),
        tender(5.0 + n),
        flags='Mood="calm"' if n % 3 else "",
        store=str(n % 4),
        status="Suspended" if n % 13 == 0 else "",
    )
    for n in range(1, 950)
]


@pytest.fixture(params=["one process", "two processes"])
def apart(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    two: bool = request.param == "two processes"
    monkeypatch.setattr(pos_logs, "LARGE", 0 if two else 1 << 60)
    monkeypatch.setattr(pos_logs, "core_count", lambda: 2)
    return two


def written(folder: Path, *texts: str) -> list[Path]:
    files = [folder / f"till-{n}.xml" for n in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, "utf-8")
    return files


def outcome(files: list[Path], out: Path) -> tuple[bytes, list[str]]:
    report = import_poslog(files, out)
    return (out / "pos-events.jsonl").read_bytes(), report.lines()


def test_two_processes_give_the_events_and_the_report_of_one(tmp_path, monkeypatch):
    whole = log(*MANY[:500])
    files = written(
        tmp_path,
        whole,
        log(*(transaction(n, item("k", 3.0), version=6) for n in range(2_000, 2_010)), version=6),
        whole.replace("<SequenceNumber>3<", "<SequenceNumber>30003<")[: len(whole) * 2 // 3],
        log(*MANY[500:]),
    )
    monkeypatch.setattr(pos_logs, "core_count", lambda: 2)
    found = []
    for name, least in (("one", 1 << 60), ("two", 0)):
        monkeypatch.setattr(pos_logs, "LARGE", least)
        found.append(outcome(files, tmp_path / name))

    assert found[0] == found[1]
    assert b'"sku":"k6"' in found[0][0]
    assert "cut off or malformed after" in str(found[0][1])
    assert "@Mood" in str(found[0][1])


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ('<!DOCTYPE POSLog [<!ENTITY e "x">]><POSLog/>', "it defines entities: refused"),
        ("<POSLog/>", "expected POSLog, found no Transaction element in it"),
        ("<POSLog><Trans", "expected POSLog, XML with Transaction elements"),
    ],
)
def test_a_refused_file_is_one_line_and_the_old_events_stay(tmp_path, apart, second, said):
    files = written(tmp_path, log(*MANY), second)
    out = tmp_path / "out"
    out.mkdir()
    (out / "pos-events.jsonl").write_text("old\n")

    with pytest.raises(ExportError, match=said) as raised:
        import_poslog(files, out)

    assert "\n" not in str(raised.value)
    assert "till-1.xml" in str(raised.value)
    assert (out / "pos-events.jsonl").read_text() == "old\n"


def test_no_file_is_said(tmp_path):
    with pytest.raises(ExportError, match="name one at least"):
        import_poslog([], tmp_path)
