"""The golden cases on a real Kafka whose streamer is killed in between: exactly the expected alerts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS
from streamer.kafka.topic_plan import SHADOW_ALERTS
from tests.golden import cases, test_rule_cases
from tests.kafka import Record, consume
from tests.support.faults import LONG, Scene, variants
from tests.support.runs import alerts_of_raw
from tests.support.simulated import by_key

KILLS = 20 if LONG else 3
START, BETWEEN = 1_760_000_000_000, 1_000
STORES = {"storeId", "originalStoreId"}
USUAL = [name for name in cases.NAMES if cases.config(name) is None]
CONFIGURED = [name for name in cases.NAMES if cases.config(name) is not None]


def of_case(name: str) -> list[cases.Record]:
    """Return a case's records, in stores of its own."""
    rows = [(topic, json.loads(raw)) for topic, raw in cases.records(name)]
    return [
        (topic, json.dumps(event | {key: f"{name}:{event[key]}" for key in STORES & event.keys()}).encode())
        for topic, event in rows
    ]


def in_line(rows: Sequence[cases.Record]) -> list[Record]:
    """Return Kafka records whose timestamps have them read in this order, whatever their topics are."""
    return [
        Record(topic, raw, json.loads(raw)["storeId"].encode(), START + number * BETWEEN)
        for number, (topic, raw) in enumerate(rows)
    ]


def over_kills(
    scene: Callable[..., Scene],
    rows: Sequence[cases.Record],
    kills: int,
    *flags: str,
) -> Scene:
    """Have a streamer process the rows, and kill it so often."""
    here = scene("--at-least-once", *flags, given=in_line(rows), alerts={})
    rng = Random(17)
    for number in range(kills):
        here.die(f"kill:processed:{rng.randint(1, len(rows) // (kills + 1))}:{rng.uniform(0, 0.05):.3f}")
        if number % 2:
            here.lose_state()
    here.start()
    here.drain()
    return here


def alerts_in(here: Scene, topic: str) -> list[Alert]:
    """Return the alerts of a topic, each once."""
    found = [msgspec.json.decode(r.value or b"", type=Alert) for r in consume(here.address, topic)]
    return list({(alert.alert_id, alert.revision): alert for alert in found}.values())


@pytest.mark.timeout(900)
def test_cases_give_exactly_the_expected_alerts(scene: Callable[..., Scene]) -> None:
    rows = [row for name in USUAL for row in of_case(name)]

    here = over_kills(scene, rows, KILLS)

    here.expect(by_key(json.loads(encode(alert)) for alert in alerts_of_raw(rows)))
    here.compare()
    found = alerts_in(here, ALERTS)
    for name in USUAL:
        own = [alert for alert in found if alert.store_id.startswith(f"{name}:")]
        brief = [msgspec.structs.replace(a, store_id=a.store_id.removeprefix(f"{name}:")) for a in own]
        assert cases.brief(brief) == cases.expected(name), name


# Each case has a streamer of its own, which takes a while.
@variants("case", CONFIGURED[:1], CONFIGURED)
def test_cases_under_a_configuration_give_exactly_the_expected_alerts(
    scene: Callable[..., Scene], case: str
) -> None:
    rows, config = cases.records(case), cases.config(case)

    here = over_kills(scene, rows, min(2, len(rows) - 1), "--config", str(config))

    assert cases.brief(alerts_in(here, ALERTS)) == cases.expected(case)


@pytest.mark.timeout(900)
def test_cases_of_rules_give_exactly_the_expected_alerts(scene: Callable[..., Scene], tmp_path: Path) -> None:
    names = test_rule_cases.NAMES
    rows = [row for name in names for row in test_rule_cases.of_case(name)]
    folder = tmp_path / "rules"
    folder.mkdir()
    config = test_rule_cases.configuration(folder)

    here = over_kills(scene, rows, KILLS, "--config", str(config))

    expected = {name: brief for name in names if (brief := test_rule_cases.expected(name))}
    assert test_rule_cases.by_case(alerts_in(here, ALERTS)) == expected
    shadow = test_rule_cases.by_case(alerts_in(here, SHADOW_ALERTS))
    assert set(shadow) == {test_rule_cases.IN_SHADOW}
