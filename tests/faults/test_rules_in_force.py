"""Rules pushed, promoted and switched off while processes are killed and partitions move."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from random import Random

import pytest

from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import DEAD_LETTERS, POS_EVENTS
from retail_anomaly.core.records import decode_record
from retail_anomaly.replay.rules_log import PlacedChange
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.rules_topic import read_changes, write_changes
from streamer.kafka.topic_plan import RULES, SHADOW_ALERTS
from tests.kafka import Record, consume, produce
from tests.support.faults import CRAWL, LONG, PARTITIONS, Scene, wait_for
from tests.support.rule_changes import START, replayed, rule_changes, till_events
from tests.support.simulated import by_key

KILLS = 20 if LONG else 3
BETWEEN = 50 if LONG else 20
AT_ONCE = 1_000 if LONG else 100
SHARE = 300
# More than a thousand changes a minute, for some minutes: a round takes a second or two.
ROUNDS = 120 if LONG else 6
CHANGES = 40 if LONG else 17
EVENTS = 20
MOST_LAG = 10 * (EVENTS + CHANGES * PARTITIONS)
BAD = (b"{", b"\xff", b"[]", b'{"action": "push", "by": "kim", "time": 0, "rule": {"id": "a"}}')


@pytest.mark.timeout(1_800)
def test_rules_that_change_between_kills_and_a_rebalance_alert_as_a_replay_with_their_log(
    scene: Callable[..., Scene],
) -> None:
    rng = Random(20)
    made, sent = rule_changes(rng), till_events(SHARE * (KILLS + 3), rng)
    given = [Record(POS_EVENTS, encode(e), e.store_id.encode(), timestamp=e.event_time) for e in sent]
    here = scene("--at-least-once", given=given, first=SHARE, alerts={})
    spoilt = 0

    def change(count: int) -> None:
        nonlocal spoilt
        write_changes(here.kafka, [next(made) for _ in range(count)])
        number = rng.randrange(PARTITIONS)
        spoilt += produce(here.address, [Record(RULES, bad, b"a", START, number) for bad in BAD])

    change(AT_ONCE)
    for number in range(KILLS):
        here.send_more(SHARE)
        here.die(f"kill:processed:{rng.randint(50, SHARE)}:{rng.uniform(0, 0.05):.3f}")
        if number % 2:
            here.lose_state()
        change(BETWEEN)
    whole = here.start()
    whole.wait_until_processed()  # so that each partition has state to recover
    whole.kill()
    here.send_more(SHARE)
    here.start(pace=CRAWL)
    here.wait_for_progress(50)
    with here.held("recovered:3", "b", pace=CRAWL) as second:
        change(BETWEEN)
        here.send_rest()
        second.kill()
    change(BETWEEN)
    log = [decode_record(PlacedChange, row.line()) for row in read_changes(here.kafka)]
    live, shadow = replayed(sent, log)
    here.expect(live)
    here.finish()

    found = consume(here.address, SHADOW_ALERTS, at_least=len(shadow))
    assert by_key(json.loads(record.value or b"null") for record in found) == shadow
    assert min(len(live), len(shadow)) > 50
    letters = [json.loads(record.value or b"") for record in consume(here.address, DEAD_LETTERS)]
    assert len({(letter["partition"], letter["offset"]) for letter in letters}) >= spoilt
    assert {letter["topic"] for letter in letters} == {RULES}
    # A commit that meets the rebalance is refused: the process ends, and goes on from the last one.
    assert here.restarts <= 1


@pytest.mark.timeout(1_800)
def test_rules_that_change_all_the_time_hold_up_no_event_and_no_recovery(
    scene: Callable[..., Scene],
) -> None:
    rng = Random(21)
    made, sent = rule_changes(rng), till_events(EVENTS * ROUNDS, rng)
    given = [Record(POS_EVENTS, encode(e), e.store_id.encode(), timestamp=e.event_time) for e in sent]
    here = scene("--at-least-once", given=given, first=0, alerts={})
    streamer = here.start()
    begun = time.monotonic()
    with GroupOffsets(here.kafka.properties(), here.group) as offsets:
        for number in range(ROUNDS):
            here.send_more(EVENTS)
            write_changes(here.kafka, [next(made) for _ in range(CHANGES)])
            if number == ROUNDS // 2:
                streamer.kill()
                here.lose_state()
                streamer = here.start()
            # It keeps up: never more records wait than ten rounds bring.
            wait_for(lambda: sum(offsets.lag(settled=False).values()) <= MOST_LAG, "the records to be read")
    a_minute = round(CHANGES * ROUNDS / (time.monotonic() - begun) * 60)
    log = [decode_record(PlacedChange, row.line()) for row in read_changes(here.kafka)]
    live, shadow = replayed(sent, log)
    here.expect(live)
    here.finish()

    print(f"{len(log) // PARTITIONS:,} changes, {a_minute:,} a minute, restarts {here.restarts}")
    found = consume(here.address, SHADOW_ALERTS, at_least=len(shadow))
    assert by_key(json.loads(record.value or b"null") for record in found) == shadow
    assert len(log) == PARTITIONS * CHANGES * ROUNDS
    assert here.restarts == 0
    # A partition keeps the newest change of each rule, however many there were.
    books = [len(record.value or b"") for record in here.changelog() if record.key == b"rules"]
    assert 0 < max(books) < 2_000
