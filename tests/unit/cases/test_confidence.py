"""Confidence: one scale for all detectors, from data that labelled alerts make and verdicts move."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import yaml

import retail_anomaly as ra
from retail_anomaly.cases import Calibration, ScoreCurve, packaged_calibration
from retail_anomaly.cli import main
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.evaluate.calibration import refitted
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.confidence import with_confidence
from retail_anomaly.settings import load
from tests.unit.cases.test_triage import alert as triage_alert

T0 = 1_760_000_000_000


def alert(name: str, at: int = 0, *, detector: str, risk: float = 0.9, **fields: Any) -> Alert:
    raised = triage_alert(name, at, **fields)
    return msgspec.structs.replace(raised, detector=detector, risk_score=risk)


def deviations(chances: list[float], component: str = "day") -> pd.DataFrame:
    return alerts_frame(
        alert(
            f"d{place}",
            type="REFUND_DEVIATION",
            detector="refund_deviation",
            risk=round(1 - chance, 6),
            evidence={"component": component, "chance": chance},
        )
        for place, chance in enumerate(chances)
    )


def test_every_packaged_detector_has_a_curve() -> None:
    assert set(packaged_calibration().curves) == set(REGISTRY)


def test_a_rarer_alert_is_surer_where_the_risk_says_1_of_both() -> None:
    alerts = deviations([1e-7, 1e-9, 1e-12, 1e-40, 1e-200])

    assert (alerts["risk_score"] == 1.0).all()
    assert alerts["confidence"].is_monotonic_increasing
    assert alerts["confidence"].is_unique


@pytest.mark.parametrize("chance", [None, "often", True, float("nan"), -1.0, 10**400, [0.1], {}])
def test_odd_evidence_still_has_a_confidence(chance: Any) -> None:
    found = packaged_calibration().confidence("refund_deviation", {"chance": chance, "component": []}, 0.9)

    assert 0 <= found <= 1


def test_the_expected_loss_is_the_confidence_times_the_money() -> None:
    own = Calibration(curves={"refund_match": ScoreCurve("loss", intercept=0.0)})
    alerts = alerts_frame([alert("a", detector="refund_match", evidence={"loss": 80.0})])

    assert with_confidence(alerts, own)[["confidence", "expected_loss"]].values.tolist() == [[0.5, 40.0]]


def test_labelled_alerts_are_as_often_right_as_their_confidence_says() -> None:
    rng = np.random.default_rng(1)
    chances = 10 ** -rng.uniform(2, 8, 2_000)
    right = rng.random(2_000) < 1 / (1 + np.exp(4 + np.log10(chances)))  # log odds: strength - 4
    alerts = deviations(chances.tolist())

    curve = refitted(Calibration(), alerts, right).curves["refund_deviation"]
    begun = refitted(packaged_calibration(), alerts, right)
    rare = alerts[(alerts["risk_score"] > 1 - 1e-5)]

    assert curve.score == "risk"  # a detector without a curve begins with the score that every alert has
    sure = [
        begun.confidence(d, e, r)
        for d, e, r in zip(rare["detector"], rare["evidence"], rare["risk_score"], strict=True)
    ]
    assert np.mean(sure) == pytest.approx(right[rare.index].mean(), abs=0.05)


def test_verdicts_move_a_curve_and_leave_the_others(tmp_path: Path) -> None:
    alerts, actions, output = tmp_path / "a.jsonl", tmp_path / "v.jsonl", tmp_path / "own.yaml"
    raised = [
        alert(
            f"a{n}",
            n,
            type="SHRINKAGE",
            detector="inventory_shrinkage",
            evidence={"sku": f"k{n}", "difference": 9},
        )
        for n in range(12)
    ]
    alerts.write_bytes(b"".join(encode(each) + b"\n" for each in raised))
    actions.write_bytes(b"".join(encode(confirmed(each.alert_id)) + b"\n" for each in raised[:10]))

    code = main(["calibrate", "--alerts", str(alerts), "--verdicts", str(actions), "--output", str(output)])

    before, after = packaged_calibration(), load(output, environ={}).settings.cases.calibration
    assert code == 0
    assert list(yaml.safe_load(output.read_text())["cases"]["confidence"]) == ["inventory_shrinkage"]
    assert after.curves["inventory_shrinkage"].alerts == before.curves["inventory_shrinkage"].alerts + 10
    evidence = {"difference": 9}
    assert (
        after.confidence("inventory_shrinkage", evidence, 1.0)
        > 0.5
        > before.confidence("inventory_shrinkage", evidence, 1.0)
    )
    assert after.curves["refund_burst"] == before.curves["refund_burst"]


def test_verdicts_that_judge_nothing_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alerts, actions = tmp_path / "a.jsonl", tmp_path / "v.jsonl"
    alerts.write_bytes(encode(alert("a", detector="x")) + b"\n")
    actions.write_bytes(encode(confirmed("another")) + b"\n")

    code = main(
        ["calibrate", "--alerts", str(alerts), "--verdicts", str(actions), "--output", str(tmp_path / "o")]
    )

    assert code == 2
    assert "it judges no alert" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_a_curve_of_the_configuration_counts_in_a_replay() -> None:
    settings = load(environ={}, flags={"cases.confidence.refund_without_sale.intercept": 2.0}).settings
    tills = pd.DataFrame(
        {
            "transactionId": ["t1"], "storeId": ["s"], "cashierId": ["c"], "sku": ["k"],
            "amount": [20.0], "eventType": ["REFUND"], "eventTime": [pd.Timestamp("2025-10-09")],
        }
    )  # fmt: skip

    alerts = ra.replay(tills, settings=settings).alerts

    assert alerts["confidence"].round(3).tolist() == [0.881]


def confirmed(alert_id: str) -> dict[str, Any]:
    return {
        "actionId": f"v-{alert_id}",
        "time": T0 + 120_000,
        "by": "kim",
        "action": "verdict",
        "storeId": "store-1",
        "alertId": alert_id,
        "verdict": "confirmed",
        "reason": "counted again",
    }
