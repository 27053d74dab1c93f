"""Drift: ranks that are uniform, ranks that are not, and the levels that models accept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.cli import main
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.evaluate.drift import drift_of_scores
from retail_anomaly.settings import Settings

START = pd.Timestamp("2025-10-01", tz="UTC")


def sales_scores(chances: np.ndarray, **fields: object) -> pd.DataFrame:
    """Return the scores of quarters whose rarer side has these chances."""
    end = START + pd.to_timedelta(15 * np.arange(1, len(chances) + 1), unit="min")
    return pd.DataFrame(
        {
            "detector": "sales_deviation", "store_id": "s", "subject": "s", "start": end, "end": end,
            "component": "quarter", "score": 1 - chances, "relearned_on": None, **fields,
        }
    )  # fmt: skip


@pytest.mark.parametrize(("times", "drifted"), [(1.0, False), (0.3, True), (2.5, True)])
def test_ranks_that_are_not_uniform_have_drifted(times: float, drifted: bool) -> None:
    # The rarer of two sides reaches a chance twice as often as one side does.
    chances = np.random.default_rng(1).random(3_000) / 2 * times

    [row] = drift_of_scores(sales_scores(np.minimum(chances, 1.0)), {}, Settings()).ranks.to_dict("records")

    assert row["judged"] == 3_000
    assert row["drifted"] == drifted
    assert row["promised"] == pytest.approx(2 * 0.002 * 3_000)


def test_a_day_without_a_refund_is_an_honest_day() -> None:
    scores = sales_scores(np.array([0.05, 0.15])).assign(detector="refund_deviation", subject=["c", "d"])
    first = int(START.timestamp() * 1_000)
    worked = {"s": first + 86_400_000 * np.arange(1, 11)}

    [row] = drift_of_scores(scores, worked, Settings()).ranks.to_dict("records")

    assert row["judged"] == 10
    assert not row["drifted"]


def test_levels_and_the_component_that_fires_most_are_listed() -> None:
    scores = pd.concat(
        [
            sales_scores(np.array([0.001, 0.5]), component="hour", relearned_on="2025-10-05"),
            sales_scores(np.array([0.4]), store_id="t", subject="t"),
        ]
    )

    found = drift_of_scores(scores, {}, Settings())

    assert found.components[["component", "decided", "flagged", "share"]].values.tolist() == [
        ["hour", 2, 1, 1.0],
        ["quarter", 1, 0, 0.0],
    ]
    assert found.levels.values.tolist() == [["sales_deviation", "s", "s", "2025-10-05"]]
    assert "hour" in found._repr_html_()


def test_the_command_reads_a_log_and_the_notebook_its_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = list(Simulation(stores=1, days=24, seed=5, volumes=["small"], scenarios=[]).events())
    log = tmp_path / "events.jsonl"
    log.write_bytes(b"".join(encode({"topic": topic_of(event), "value": event}) + b"\n" for event in events))

    assert main(["drift", str(log)]) == 0

    said = capsys.readouterr().out
    assert "ranks have drifted" in said
    assert said.splitlines()[0] == ra.drift(events).lines()[0]
