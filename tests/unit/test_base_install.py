"""Without an extra every command either runs or says in one line which extra it needs."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import requires

import pytest

from tests.support.base_install import run_without

pytestmark = pytest.mark.long

# In this order: the later commands read the files that the earlier ones write.
RUN = [
    "retail-datagen write --stores 1 --days 2 --incident-rate 1 --out out",
    "retail-datagen world --stores 1",
    "retail-anomaly replay tills.csv --output tills.jsonl",
    "retail-anomaly replay out/events.jsonl --output alerts.jsonl",
    "retail-anomaly report --alerts alerts.jsonl --incidents out/incidents.jsonl --events out/events.jsonl",
    "retail-anomaly evaluate --alerts alerts.jsonl --incidents out/incidents.jsonl --events out/events.jsonl",
    "retail-anomaly notebook --no-start --folder mine",
    "retail-anomaly config show",
    "retail-anomaly config schema",
    "retail-anomaly --version",
    "retail-anomaly --help",
    "retail-streamer --version",
    "retail-streamer run --help",
    "retail-datagen --version",
]
NEED = {
    "retail-anomaly demo": "streamer",
    "retail-anomaly import dsfinvk till.zip --out events": "import",
    "retail-anomaly import poslog till.xml --out events": "import",
    "retail-anomaly notebook --folder mine": "notebook",
    "retail-streamer run --broker localhost:1": "streamer",
    "retail-streamer metrics --broker localhost:1": "streamer",
    "retail-streamer sink --check --broker localhost:1": "streamer",
    "retail-streamer topics --broker localhost:1": "streamer",
    "retail-streamer lag --broker localhost:1": "streamer",
    "retail-streamer skip --broker localhost:1": "streamer",
    "retail-streamer alerts --broker localhost:1": "streamer",
    "retail-streamer status --metrics-port 1": "streamer",
    "retail-streamer state": "streamer",
    "retail-streamer broker": "streamer",
    "retail-datagen stream --broker localhost:1": "streamer",
    "retail-datagen write --stores 1 --days 1 --format parquet --out tables": "parquet",
    "retail-anomaly replay tills.parquet": "parquet",
    "retail-anomaly replay folder": "parquet",
}
# Each of these needs an extra or runs without one; the package decides.
MAY_NEED = [
    "retail-anomaly tune out/events.jsonl --incidents out/incidents.jsonl --output tuned.yaml "
    "--trials 1 --budget 99",
    "retail-anomaly replay out/events.jsonl --detectors refund_deviation,sales_deviation --output more.jsonl",
]
# A command for each extra that no command of NEED is about.
OTHER_EXTRAS = {
    "cloud": "retail-anomaly replay memory://tills.csv",
    "dask": "retail-anomaly replay history --executor dask://localhost:1",
    "excel": "retail-anomaly replay tills.xlsx",
    "holidays": "retail-anomaly config check holidays.yaml",
    "review": "retail-anomaly review alerts.jsonl",
    "ray": "retail-anomaly replay history --executor ray://localhost:1",
    "river": "retail-anomaly config check river.yaml",
    "tune": "retail-anomaly tune log.jsonl --incidents incidents.jsonl --output tuned.yaml",
    "zstd": "retail-anomaly replay tills.csv.zst",
}
TILLS = """\
transactionId,storeId,cashierId,sku,amount,eventType,eventTime
t1,store-1,anna,4711,20.0,REFUND,2025-10-09T10:00:00Z
"""
HOLIDAYS = "stores: {store-1: {closed: [DE-BY]}}"
RIVER = "detectors: {refund_deviation: {enabled: true, model: river.anomaly.HalfSpaceTrees}}"
FOR_DEVELOPERS = {"all", "dev", "docs"}
_REQUIREMENT = re.compile(r"^(?P<name>[\w-]+)[^;]*(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"])?")


def modules_by_extra() -> dict[str, set[str]]:
    """Return the modules that only an extra brings, by extra."""
    found: dict[str, set[str]] = {}
    for text in requires("retail-anomaly") or ():
        match = _REQUIREMENT.match(text)
        assert match
        found.setdefault(match["extra"] or "", set()).add(match["name"].replace("-", "_").lower())
    base = found.pop("") | {"retail_anomaly"}
    return {extra: modules - base for extra, modules in found.items() if extra not in FOR_DEVELOPERS}


BY_EXTRA = modules_by_extra()


def with_inputs(folder):
    """Write the files that the commands read; no command gets as far as to read the Parquet ones."""
    (folder / "tills.csv").write_text(TILLS)
    for name in ("tills.parquet", "tills.xlsx", "tills.csv.zst", "alerts.jsonl"):
        (folder / name).touch()
    (folder / "folder").mkdir()
    (folder / "folder/pos-events.parquet").touch()
    (folder / "river.yaml").write_text(RIVER)
    (folder / "holidays.yaml").write_text(HOLIDAYS)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Run every command without any extra."""
    commands = [*RUN, *NEED, *MAY_NEED]
    answers = run_without(
        sorted(set().union(*BY_EXTRA.values())), [shlex.split(command) for command in commands],
        with_inputs(tmp_path_factory.mktemp("base")),
    )  # fmt: skip
    return dict(zip(commands, answers, strict=True))


@pytest.mark.parametrize("command", RUN)
def test_a_base_install_runs(base, command):
    answer = base[command]
    assert answer.code == 0, answer.err


@pytest.mark.parametrize(("command", "extra"), NEED.items())
def test_a_base_install_names_the_extra_in_one_line(base, command, extra):
    answer = base[command]
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"{command.split()[0]}: ")
    assert re.search(rf"is not installed: pip install 'retail-anomaly\[{extra}[\],]", answer.err)
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("command", MAY_NEED)
def test_a_base_install_runs_or_names_an_extra(base, command):
    answer = base[command]
    if answer.code:
        assert answer.code == 2
        assert re.search(r"pip install 'retail-anomaly\[\w", answer.err)
        assert answer.err.count("\n") == 1


@pytest.mark.parametrize("extra", BY_EXTRA)
def test_a_missing_extra_is_the_one_that_is_named(extra, tmp_path):
    commands = [command for command, needed in NEED.items() if needed == extra][:2] or [OTHER_EXTRAS[extra]]
    for answer in run_without(
        sorted(BY_EXTRA[extra]), [shlex.split(command) for command in commands], with_inputs(tmp_path)
    ):
        assert answer.code == 2
        assert f"retail-anomaly[{extra}" in answer.err
