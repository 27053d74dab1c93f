"""Rules pushed, promoted and switched off while processes are killed and partitions move."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import POS_EVENTS
from retail_anomaly.core.records import decode_record
from retail_anomaly.replay.rules_log import PlacedChange
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.rules_topic import read_changes, write_changes
from streamer.kafka.topic_plan import SHADOW_ALERTS
from tests.kafka import Record, consume
from tests.support.faults import CRAWL, LONG, Scene
from tests.support.rule_changes import replayed, rule_changes, till_events
from tests.support.simulated import by_key

KILLS = 20 if LONG else 2
BETWEEN = 50 if LONG else 20
AT_ONCE = 1_000 if LONG else 100
SHARE = 300


@pytest.mark.timeout(1_800)
def test_rules_that_change_between_kills_and_a_rebalance_alert_as_a_replay_with_their_log(
    tmp_path: Path,
) -> None:
    rng = Random(20)
    made, sent = rule_changes(rng), till_events(SHARE * (KILLS + 3), rng)
    given = [Record(POS_EVENTS, encode(e), e.store_id.encode(), timestamp=e.event_time) for e in sent]

    with EmbeddedBroker() as broker:
        kafka = Connection(broker.address, embedded=True)
        here = Scene(
            kafka,
            tmp_path,
            *("--at-least-once", "--embedded-broker"),
            given=given,
            first=SHARE,
            alerts={},
        )

        def change(count: int) -> None:
            write_changes(kafka, [next(made) for _ in range(count)])

        try:
            change(AT_ONCE)
            for number in range(KILLS):
                here.send_more(SHARE)
                here.die(f"kill:processed:{rng.randint(50, SHARE)}:{rng.uniform(0, 0.05):.3f}")
                if number % 2:
                    here.lose_state()
                change(BETWEEN)
            here.start("a", pace=CRAWL)
            here.wait_for_progress(50)
            second = here.start("b", pace=CRAWL)
            second.wait_for(lambda: b"recovery check" in second.log.read_bytes())
            change(BETWEEN)
            here.send_rest()
            second.kill()
            change(BETWEEN)
            log = [decode_record(PlacedChange, row.line()) for row in read_changes(kafka)]
            live, shadow = replayed(sent, log)
            here.expect(live)
            here.finish()
            found = consume(here.address, SHADOW_ALERTS, at_least=len(shadow))
        finally:
            here.close()

    assert by_key(json.loads(record.value or b"null") for record in found) == shadow
    assert min(len(live), len(shadow)) > 50
    # A commit that meets the rebalance is refused: the process ends, and goes on from the last one.
    assert here.restarts <= 1
