"""Import of tills' exports: lines a second, against reading the same files and doing nothing with them."""

import csv
import io
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from lxml import etree

from benchmarks.figures import Figure, medians
from data_gen import Simulation
from retail_anomaly.core.codec import topic_of
from retail_anomaly.core.events import POS_EVENTS, time_of
from retail_anomaly.sources.importers.dsfinvk import import_dsfinvk
from retail_anomaly.sources.importers.poslog import import_poslog
from tests.support.dsfinvk import export_bytes, write_zip
from tests.support.poslog import log
from tests.support.world_exports import dsfinvk_tables, poslog_transactions


def figures(*, records: int, repeat: int) -> Iterator[Figure]:
    days = max(1, records // 700)  # a store's receipt lines of a day
    pos = [event for event in Simulation(stores=2, days=days).events() if topic_of(event) == POS_EVENTS]
    pos.sort(key=time_of)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        export = write_zip(folder / "tills.zip", export_bytes(dsfinvk_tables(pos)))
        tills = folder / "tills.xml"
        tills.write_text(log(*poslog_transactions(pos)), "utf-8")
        for form, run, floor in (
            ("DSFinV-K", partial(import_dsfinvk, [export], folder / "out"), partial(_read_tables, export)),
            ("POSLog", partial(import_poslog, [tills], folder / "out"), partial(_read_elements, tills)),
        ):
            rates = medians(repeat, run=partial(_rate, run, len(pos)), floor=partial(_rate, floor, len(pos)))
            yield Figure(
                "imports", f"{form} of {len(pos):,} lines; floor: reading it", "lines/s",
                rates["run"]["rate"], rates["floor"]["rate"],
            )  # fmt: skip


def _rate(work: Callable[[], object], lines: int) -> dict[str, float]:
    # CPU time: other processes of the machine then matter less.
    began = time.process_time()
    work()
    return {"rate": lines / (time.process_time() - began)}


def _read_tables(export: Path) -> None:
    with zipfile.ZipFile(export) as archive:
        for name in archive.namelist():
            with archive.open(name) as raw:
                for _ in csv.reader(io.TextIOWrapper(raw, "utf-8"), delimiter=";"):
                    pass


def _read_elements(tills: Path) -> None:
    for _, element in etree.iterparse(str(tills), tag="{*}Transaction"):
        element.clear()
