"""`retail-streamer state`: the state that a stopped streamer has on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import msgspec
import pytest
from rocksdict import Options, Rdict

from data_gen import Simulation
from retail_anomaly.contract import Run
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import Event, MovementEvent
from retail_anomaly.core.state_errors import FORMAT_VERSION
from retail_anomaly.settings import Settings, build_engine
from streamer import cli
from streamer.detection.state_files import read_state
from streamer.errors import StreamerError
from tests.support.brokerless import BrokerlessPipeline, send_all
from tests.support.events import HOUR, T0, count, refund, sale
from tests.support.runs import engine_of
from tests.support.waiting import PATIENCE_S

GROUP = "test"


def stopped(folder: Path, events: list[Event]) -> None:
    """Write the state of a streamer that processed some events."""
    pipeline = BrokerlessPipeline(engine_of(), folder)
    send_all(pipeline, [(topic_of(event), encode(event)) for event in events])
    pipeline.commit()
    pipeline.close()


def database(folder: Path) -> Path:
    (found,) = (folder / GROUP).glob("default/*/0")
    return found


def test_the_state_bears_the_name_that_version_1_gave_it(tmp_path):
    """Quix names a state after its topics; one of another name would begin empty beside the old offsets."""
    stopped(tmp_path, [sale(0), MovementEvent("store-1", "sku-1", 3, T0)])
    assert database(tmp_path).parent.name == "inventory-counts--pos-events--security-events--staff-shifts"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    events = list(Simulation(stores=2, days=1, seed=4).events())
    folder = tmp_path_factory.mktemp("simulated")
    stopped(folder, events)
    return folder, events


def test_entries_are_those_of_the_live_memory(simulated):
    folder, events = simulated
    run = Run(build_engine(Settings()))
    for event in events:
        run.step(event)
    report = read_state(folder, GROUP)
    for store in report.stores:
        entries = run.stores[store.store].entries()
        # Nearly: ids in a compact memory are counted again when they come again.
        assert store.entries == pytest.approx(sum(entries.values()), rel=0.01)
        assert store.clock == run.stores[store.store].clock
    for name in run.stores["store-1"].entries():
        live = sum(store.entries()[name] for store in run.stores.values())
        assert report.collections[name].entries == pytest.approx(live, rel=0.01), name
    assert [store.store for store in report.stores] == ["store-1", "store-2"]


def test_totals_agree_with_each_other_and_with_the_disk(simulated):
    on_disk = sum(path.stat().st_size for path in database(simulated[0]).iterdir() if path.is_file())
    report = read_state(simulated[0], GROUP)
    (partition,) = report.partitions
    opened = Rdict(str(database(simulated[0])), Options(raw_mode=True))
    # Beside the stores' records a partition has one of its own.
    items = [(key, value) for key, value in opened.items() if b"|" in cast(bytes, key)]
    opened.close()
    assert partition.records == report.total().records == len(items)
    assert partition.bytes == sum(len(cast(bytes, part)) for item in items for part in item)
    for parts in (report.stores, list(report.collections.values())):
        assert sum(part.bytes for part in parts) == partition.bytes
        assert sum(part.entries for part in parts) == partition.entries
    # Lines of receipts compress well, so that the files may be smaller than their records.
    assert partition.disk_bytes == on_disk


def test_ages_are_before_the_newest_event_of_the_store(tmp_path):
    stopped(
        tmp_path,
        [
            sale(transaction_id="old", amount=300.0),
            sale(HOUR, transaction_id="new", amount=300.0),
            refund(2 * HOUR, transaction_id="new"),
            count(5 * HOUR, 7),
        ],
    )
    report = read_state(tmp_path, GROUP)
    ages = {name: (found.oldest, found.newest) for name, found in report.collections.items()}
    assert ages["lines"] == (5 * HOUR, 3 * HOUR)  # two sales and the refund
    assert ages["refund_match.ledger"] == (5 * HOUR, 3 * HOUR)
    assert ages["security_correlation.sales"] == (5 * HOUR, 4 * HOUR)
    assert ages["refund_burst.cashiers"] == (3 * HOUR, 3 * HOUR)
    assert ages["stock_discrepancy.stock"] == (None, None)  # kept whatever its age


def test_names_of_stores_may_begin_with_each_other_and_hold_the_separator(tmp_path):
    names = ["a", "a|b", "a|header", "|", "caf\u00e9"]
    stopped(
        tmp_path, [sale(store_id=name, transaction_id=f"t-{n}") for n, name in enumerate(names) for _ in "12"]
    )
    report = read_state(tmp_path, GROUP)
    assert sorted(store.store for store in report.stores) == sorted(names)
    assert report.collections["lines"].entries == 2 * len(names)


def test_looking_changes_nothing(simulated):
    before = {path: path.read_bytes() for path in simulated[0].rglob("*") if path.is_file()}
    read_state(simulated[0], GROUP)
    assert {path: path.read_bytes() for path in simulated[0].rglob("*") if path.is_file()} == before


def test_state_in_use_is_not_read(tmp_path):
    stopped(tmp_path, [sale()])
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from rocksdict import Options, Rdict; "
            "opened = Rdict(sys.argv[1], Options(raw_mode=True)); print('open', flush=True); input()",
            str(database(tmp_path)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    holder.stdout.readline()
    with pytest.raises(StreamerError, match="in use by a running streamer: stop it first"):
        read_state(tmp_path, GROUP)
    holder.communicate(b"\n", timeout=PATIENCE_S)
    assert read_state(tmp_path, GROUP).stores


def test_state_of_a_newer_format_is_refused(tmp_path):
    stopped(tmp_path, [sale()])
    opened = Rdict(str(database(tmp_path)), Options(raw_mode=True))
    opened[b"store-1|header"] = msgspec.msgpack.encode([FORMAT_VERSION + 1, 0, 0, None, {}, {}, "new"])
    opened.close()
    with pytest.raises(StreamerError, match=f"has format {FORMAT_VERSION + 1}, this version reads"):
        read_state(tmp_path, GROUP)


def test_damaged_files_are_said_to_be(tmp_path):
    stopped(tmp_path, [sale()])
    (database(tmp_path) / "CURRENT").write_text("nonsense")
    with pytest.raises(StreamerError, match=r"can't be read .* changelog"):
        read_state(tmp_path, GROUP)


def test_state_of_an_unknown_detector_is_counted_in_bytes(tmp_path):
    stopped(tmp_path, [sale()])
    opened = Rdict(str(database(tmp_path)), Options(raw_mode=True))
    opened[b"store-1|of_tomorrow.things/0"] = b"12345"
    opened.close()
    found = read_state(tmp_path, GROUP).collections["of_tomorrow.things"]
    assert (found.entries, found.records, found.bytes) == (0, 1, len("store-1|of_tomorrow.things/0") + 5)


# --- The command -----------------------------------------------------------------------------------


def test_command_prints_a_table(simulated, capsys):
    assert cli.main(["state", "--state-dir", str(simulated[0]), "--consumer-group", GROUP]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{simulated[0] / GROUP}: format {FORMAT_VERSION}"
    assert any(line.startswith("refund_without_sale   sales") for line in said)
    assert any(line.startswith("all ") for line in said)
    assert any(line.startswith("store-2 ") for line in said)


def test_command_prints_json(simulated, capsys):
    assert cli.main(["state", "--json", "--state-dir", str(simulated[0]), "--consumer-group", GROUP]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["formatVersion"] == FORMAT_VERSION
    assert [store["store"] for store in content["stores"]] == ["store-1", "store-2"]
    assert {found["detector"] for found in content["collections"]} >= {"", "refund_burst"}
    assert content["bytes"] == sum(found["bytes"] for found in content["partitions"])


def test_missing_state_is_one_line_with_what_to_give(tmp_path, capsys):
    assert cli.main(["state", "--state-dir", str(tmp_path), "--consumer-group", "nobody"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"no state in {tmp_path / 'nobody'}: give the --state-dir and --consumer-group" in line
