"""Import of tills' exports: lines a second, against reading the same files and doing nothing with them.

Run as a module it is one measurement in a process of its own:
``python -m benchmarks.imports dsfinvk|poslog FILE FOLDER``, which prints one JSON object.
"""

import csv
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from lxml import etree

from benchmarks.figures import Figure, medians
from benchmarks.process import status_mb
from data_gen import Simulation
from retail_anomaly.core.codec import topic_of
from retail_anomaly.core.events import POS_EVENTS, time_of
from retail_anomaly.sources.importers.dsfinvk import import_dsfinvk
from retail_anomaly.sources.importers.poslog import import_poslog
from retail_anomaly.sources.importers.report import ImportReport
from tests.support.dsfinvk import export_bytes, write_zip
from tests.support.poslog import log
from tests.support.world_exports import dsfinvk_tables, poslog_transactions

_IMPORTS: dict[str, Callable[[list[str], str], ImportReport]] = {
    "dsfinvk": import_dsfinvk,
    "poslog": import_poslog,
}


def figures(*, records: int, repeat: int) -> Iterator[Figure]:
    days = max(1, records // 700)  # a store's receipt lines of a day
    pos = [event for event in Simulation(stores=2, days=days).events() if topic_of(event) == POS_EVENTS]
    pos.sort(key=time_of)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        export = write_zip(folder / "tills.zip", export_bytes(dsfinvk_tables(pos)))
        tills = folder / "tills.xml"
        tills.write_text(log(*poslog_transactions(pos)), "utf-8")
        for form, file, read in (("dsfinvk", export, _read_tables), ("poslog", tills, _read_elements)):
            runs = medians(
                repeat,
                run=partial(_measured, form, file, folder / "out"),
                floor=partial(_floor, partial(read, file)),
            )
            run, lines = runs["run"], runs["run"]["lines"]
            yield Figure(
                "imports", f"{form}, {lines:,.0f} lines; floor: reading it", "lines/s of CPU",
                lines / run["cpu_s"], len(pos) / runs["floor"]["cpu_s"],
            )  # fmt: skip
            yield Figure("imports", f"{form}, by the clock", "lines/s", lines / run["seconds"])
            yield Figure("imports", f"CPU of {form}", "s per million lines", run["cpu_s"] / lines * 1e6)
            peak = run["peak_mb"] + run["second_mb"]
            yield Figure("imports", f"peak memory of {form}, all processes", "MB", peak)


def _measured(form: str, file: Path, out: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.imports", form, str(file), str(out)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def _floor(work: Callable[[], object]) -> dict[str, float]:
    # CPU time: other processes of the machine then matter less.
    began = time.process_time()
    work()
    return {"cpu_s": time.process_time() - began}


def _read_tables(export: Path) -> None:
    with zipfile.ZipFile(export) as archive:
        for name in archive.namelist():
            with archive.open(name) as raw:
                for _ in csv.reader(io.TextIOWrapper(raw, "utf-8"), delimiter=";"):
                    pass


def _read_elements(tills: Path) -> None:
    for _, element in etree.iterparse(str(tills), tag="{*}Transaction"):
        element.clear()


def _measure(form: str, file: str, out: str) -> dict[str, float]:
    began, cpu = time.perf_counter(), _cpu_s()
    report = _IMPORTS[form]([file], out)
    return {
        "lines": report.events.total(),
        "seconds": time.perf_counter() - began,
        "cpu_s": _cpu_s() - cpu,
        "peak_mb": status_mb("VmHWM"),
        # Of the process that parses a large POSLog beside this one.
        "second_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
