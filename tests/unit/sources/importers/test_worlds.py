"""A simulated world that its tills export gives the alerts that its events give."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from data_gen import Simulation
from retail_anomaly.core.card_numbers import TOKENS
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import POS_EVENTS, time_of
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import open_input
from tests.support.dsfinvk import export_bytes, write_zip
from tests.support.faults import LONG
from tests.support.poslog import log
from tests.support.world_exports import (
    CARD_NUMBER,
    LINES,
    dsfinvk_tables,
    poslog_transactions,
    receipts_of,
    told_by_dsfinvk,
    told_by_poslog,
)

pytestmark = pytest.mark.long

POSLOG_BYTES = 1_000_000_000 if LONG else 20_000_000
MOST_MEGABYTES = 300
COMMAND = """
import pathlib, sys
from retail_anomaly.cli import main
code = main(sys.argv[1:])
# Not ru_maxrss: that of a new process begins with the memory of the process that started it.
status = pathlib.Path("/proc/self/status").read_text()
print("peak", int(status.partition("VmHWM:")[2].split()[0]) // 1024)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def world() -> dict[str, list[Any]]:
    """The events of a world with ten thousand receipts, by topic, each topic by time."""
    topics = defaultdict(list)
    for event in Simulation(stores=2, days=20, seed=7).events():
        topics[topic_of(event)].append(event)
    for events in topics.values():
        events.sort(key=time_of)
    assert sum(1 for _ in receipts_of(topics[POS_EVENTS])) >= 10_000
    return topics


def written(folder: Path, world: Mapping[str, Iterable[Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    for topic, events in world.items():
        (folder / f"{topic}.jsonl").write_bytes(b"".join(encode(event) + b"\n" for event in events))
    return folder


def others(world: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {topic: events for topic, events in world.items() if topic != POS_EVENTS}


def alerts_of(folder: Path) -> Counter[Any]:
    events = open_input(folder).events(lambda bad: pytest.fail(str(bad)))
    return Counter(
        (alert.type, alert.store_id, alert.employee_id, alert.event_time, alert.risk_score, alert.revision)
        for alert in replay_events(events, build_engine(Settings()))
    )


def imported(*arguments: str) -> tuple[str, int]:
    """Import in a process of its own; return the report and the peak of its memory in megabytes."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "import", *arguments], capture_output=True, text=True, check=True
    )
    report, _, peak = done.stdout.rpartition("peak ")
    return report, int(peak)


def kinds_of(folder: Path) -> Counter[str]:
    with (folder / "pos-events.jsonl").open("rb") as lines:
        return Counter(json.loads(line)["eventType"] for line in lines)


def tokens_of(folder: Path) -> Counter[tuple[str, str]]:
    """The tokens of an imported world, of which no one is a card number."""
    text = (folder / "pos-events.jsonl").read_text("utf-8")
    assert CARD_NUMBER not in text
    events = map(json.loads, text.splitlines())
    return Counter((name, event[name]) for event in events for name in TOKENS if name in event)


def tokens(told: list[Any]) -> Counter[tuple[str, str]]:
    names = {"customerToken": "customer_token", "cardToken": "card_token", "giftCardToken": "gift_card_token"}
    lines = [event for event in told if event.event_type in LINES]
    return Counter(
        (wire, token) for event in lines for wire, name in names.items() if (token := getattr(event, name))
    )


def test_a_world_s_dsfinvk_export_gives_its_events_and_its_alerts(world, tmp_path):
    told = told_by_dsfinvk(world[POS_EVENTS])
    export = write_zip(tmp_path / "tills.zip", export_bytes(dsfinvk_tables(told)))
    folder = written(tmp_path / "events", others(world))

    report, peak = imported("dsfinvk", str(export), "--out", str(folder))

    assert kinds_of(folder) == kinds(told)
    assert tokens_of(folder) == tokens(told)
    assert "Not mapped" not in report
    assert peak < MOST_MEGABYTES
    assert alerts_of(folder) == alerts_of(written(tmp_path / "world", {**world, POS_EVENTS: told}))


def test_a_world_s_poslog_gives_its_events_and_its_alerts(world, tmp_path):
    told = told_by_poslog(world[POS_EVENTS])
    (tmp_path / "tills.xml").write_text(log(*poslog_transactions(told)), "utf-8")
    folder = written(tmp_path / "events", others(world))

    report, _ = imported("poslog", str(tmp_path / "tills.xml"), "--out", str(folder))

    assert kinds_of(folder) == kinds(told)
    assert tokens_of(folder) == tokens(told)
    assert CARD_NUMBER not in report
    assert alerts_of(folder) == alerts_of(written(tmp_path / "world", {**world, POS_EVENTS: told}))


def kinds(told: list[Any]) -> Counter[str]:
    """The kinds of events; a void of a receipt that another number names is a post-void."""
    found = Counter(event.event_type for event in told)
    found["POST_VOID"] += found.pop("VOID", 0)
    return +found


def in_stores(events: Iterable[Any], numbers: Iterable[int]) -> list[Any]:
    """The same events in stores of their own, once for each number."""
    copies = [
        msgspec.structs.replace(event, store_id=f"{number}.{event.store_id}")
        for number in numbers
        for event in events
    ]
    return sorted(copies, key=time_of)


def test_a_large_poslog_is_read_in_bounded_memory_and_gives_its_alerts(world, tmp_path):
    told = told_by_poslog(world[POS_EVENTS])
    transactions = "".join(poslog_transactions(told))
    begin, end = log("\0").split("\0")
    file, times = tmp_path / "large.xml", 0
    with file.open("w", encoding="utf-8") as target:
        target.write(begin)
        while target.tell() < POSLOG_BYTES:
            times += 1
            target.write(transactions.replace("<RetailStoreID>", f"<RetailStoreID>{times}."))
        target.write(end)
    copies = {topic: in_stores(events, range(1, times + 1)) for topic, events in others(world).items()}
    folder = written(tmp_path / "events", copies)

    _, peak = imported("poslog", str(file), "--out", str(folder))

    assert kinds_of(folder) == {kind: count * times for kind, count in kinds(told).items()}
    assert peak < MOST_MEGABYTES
    once = alerts_of(written(tmp_path / "world", {**world, POS_EVENTS: told}))
    found: Counter[Any] = Counter()
    for (kind, store, *rest), count in alerts_of(folder).items():
        found[kind, store.partition(".")[2], *rest] += count
    assert found == {alert: count * times for alert, count in once.items()}
