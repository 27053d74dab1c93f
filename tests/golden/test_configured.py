"""Cases with a configuration of their own raise exactly the expected alerts, with and without restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.codec import decode
from retail_anomaly.core.engine import Engine
from retail_anomaly.settings import build_engine, load_settings
from tests.golden import cases

FOLDER = Path(__file__).parents[1] / "naive" / "cases"
NAMES = sorted(
    path.name.removesuffix(".config.yaml")
    for path in FOLDER.glob("*.config.yaml")
    if not (FOLDER / path.name.replace(".config.", ".rules.")).exists()
)


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("run_of", [Run, RestartingRun])
def test_configured_case_gives_exactly_the_expected_alerts(
    case: str, run_of: Callable[[Engine], Run]
) -> None:
    run, alerts = run_of(build_engine(load_settings(FOLDER / f"{case}.config.yaml"))), []
    for topic, raw in cases.records(case, FOLDER):
        alerts += run.step(decode(topic, raw))
        if isinstance(run, RestartingRun):
            run.restart()
    assert cases.brief(alerts) == cases.expected(case, FOLDER)
