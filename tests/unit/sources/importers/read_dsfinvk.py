"""Imports DSFinV-K tables and reads the events that come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retail_anomaly.sources.importers.dsfinvk import import_dsfinvk
from retail_anomaly.sources.importers.report import ImportReport
from tests.support.dsfinvk import Form, export_bytes, write_zip
from tests.support.till_export import ExportedTill


def imported(
    tmp_path: Path, *tills: ExportedTill, form: Form | None = None, **options: Any
) -> tuple[list[dict[str, Any]], ImportReport]:
    exports = [
        write_zip(tmp_path / f"{number}.zip", export_bytes(till.tables, form))
        for number, till in enumerate(tills)
    ]
    return read(tmp_path, *exports, **options)


def read(tmp_path: Path, *exports: Path, **options: Any) -> tuple[list[dict[str, Any]], ImportReport]:
    report = import_dsfinvk(exports, tmp_path / "events", **options)
    lines = (tmp_path / "events" / "pos-events.jsonl").read_text("utf-8").splitlines()
    return [json.loads(each) for each in lines], report
