"""Over any log the built-in rules raise what a plain reading of the contract raises, also over restarts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from retail_anomaly.contract import RestartingRun
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import decode
from retail_anomaly.core.engine import Engine
from retail_anomaly.settings import build_engine, load, load_settings
from tests.golden import cases
from tests.naive.run import naive_alerts
from tests.support import store_days
from tests.support.events import T0

RULES = (
    "refund_burst",
    "refund_without_sale",
    "refund_match",
    "security_correlation",
    "inventory_shrinkage",
    "stock_discrepancy",
)
# Without the phase that explains: it runs a failing example hundreds of times more.
EXAMPLES = settings(max_examples=200, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))


@pytest.mark.parametrize("restart_every", [10**6, 1], ids=["one run", "restarts"])
@EXAMPLES
@given(rng=st.randoms(use_true_random=False))
def test_rules_raise_what_the_contract_says(
    rng: Random, restart_every: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = store_days.config(rng)
    log = store_days.log(rng, config)
    file = tmp_path_factory.getbasetemp() / "rules.yaml"
    file.write_text(yaml.safe_dump(config))

    raised = alerts_of(log, build_engine(load_settings(file), RULES), restart_every)

    assert cases.brief(raised) == plainly_read(log, config)


@pytest.mark.parametrize("restart_every", [10**6, 40], ids=["one run", "restarts"])
@settings(EXAMPLES, max_examples=40)
@given(rng=st.randoms(use_true_random=False))
def test_a_desk_that_refunds_all_day_is_read_as_the_contract_says(rng: Random, restart_every: int) -> None:
    count = rng.choice((2, 3, 20))
    log = [("pos-events", refund_or_void(rng, number)) for number in range(150)]
    flags = {"detectors.refund_burst.count": count, "detectors.refund_burst.window": "5m"}

    raised = alerts_of(log, build_engine(load(environ={}, flags=flags).settings, RULES[:1]), restart_every)

    config = {"detectors": {"refund_burst": {"count": count, "window": "5m"}}}
    found = plainly_read(log, config)
    assert cases.brief(raised) == Counter({key: n for key, n in found.items() if "REFUND_BURST" in key})


def refund_or_void(rng: Random, number: int) -> dict[str, Any]:
    """Return a line of one of the last receipts of a desk, a little late at times; or a void of a line."""
    return {
        "storeId": "store-1",
        "cashierId": "desk",
        "eventType": rng.choice(["REFUND"] * 12 + ["LINE_VOID", "POST_VOID"]),
        "transactionId": f"r-{number - rng.choice((0, 0, 0, 1, 40))}",
        "sku": f"k-{rng.randrange(2)}",
        "amount": rng.choice((5.0, 60.0, 120.0)),
        "eventTime": T0 + number * 2_000 + rng.choice((0, 0, 0, -2_000, -90_000, -400_000)),
    }


def alerts_of(log: Iterable[store_days.Record], engine: Engine, restart_every: int) -> list[Alert]:
    run = RestartingRun(engine)
    alerts = []
    for number, (topic, value) in enumerate(log, 1):
        alerts += run.step(decode(topic, json.dumps(value).encode()))
        if number % restart_every == 0:
            run.restart()
    return alerts


def plainly_read(log: list[store_days.Record], config: dict[str, Any]) -> Counter[tuple[Any, ...]]:
    return cases.brief_of(naive_alerts(log, config))
