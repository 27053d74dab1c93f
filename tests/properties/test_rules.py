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
from retail_anomaly.settings import build_engine, load_settings
from tests.golden import cases
from tests.naive.run import naive_alerts
from tests.support import store_days

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
