"""Imports POSLog texts and reads the events that come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retail_anomaly.sources.importers.poslog import import_poslog
from retail_anomaly.sources.importers.report import ImportReport


def imported(tmp_path: Path, *texts: str, **options: Any) -> tuple[list[dict[str, Any]], ImportReport]:
    files = [tmp_path / f"{number}.xml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, "utf-8")
    report = import_poslog(files, tmp_path / "events", **options)
    lines = (tmp_path / "events" / "pos-events.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines], report


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["eventType"] for event in events]
