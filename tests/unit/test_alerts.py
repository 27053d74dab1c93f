"""Alert ids and hashes of parameters."""

from __future__ import annotations

import msgspec
import pytest

from retail_anomaly.core.alerts import Alert, alert_id
from retail_anomaly.detectors import RefundBurst
from tests.support.events import DAY, count, gate, line, refund, sale


def test_ids_are_the_same_in_every_version():
    """They are public: consumers keep them."""
    assert alert_id("REFUND_BURST", refund()) == "bcf5cdbee642ddf93ff507c211f0cab6"


@pytest.mark.parametrize(
    "other",
    [
        refund(store_id="store-2"),
        refund(cashier_id="c-2"),
        refund(transaction_id="t-2"),
        refund(sku="sku-2"),
        refund(amount=120.01),
        refund(1),
        refund(quantity=2),
        refund(original_transaction_id="t-0"),
        refund(event_id="e-1"),
        sale(),
        gate(),
        count(0, 1),
    ],
)
def test_id_tells_events_apart(other):
    assert alert_id("REFUND_BURST", refund()) != alert_id("REFUND_BURST", other)


def test_id_tells_alert_types_apart():
    assert alert_id("REFUND_BURST", refund()) != alert_id("REFUND_WITHOUT_SALE", refund())


@pytest.mark.parametrize("same", [line("refund"), refund(amount=120), refund(quantity=1)])
def test_id_does_not_hang_on_how_the_event_was_spelt(same):
    assert alert_id("X", same) == alert_id("X", refund())


def test_hash_of_parameters_does_not_hang_on_how_a_number_was_spelt():
    whole, decimal = (RefundBurst(RefundBurst.Parameters(amount=amount), DAY) for amount in (100, 100.0))
    assert whole.config_hash == decimal.config_hash


def test_alert_is_stamped_when_it_is_emitted_and_not_before():
    alert = Alert("a", 2, "X", "x", "store-1", None, 0.5, "Look.", 5, 4, {}, "0")
    stamped = alert.detected(9)
    assert (alert.detected_at, stamped.detected_at) == (None, 9)
    assert stamped.key == ("a", 2)
    assert stamped.detected(5) == msgspec.structs.replace(alert, detected_at=5)


def test_alert_has_the_public_names():
    alert = Alert("a", 2, "X", "x", "store-1", None, 0.5, "Look.", 5, 4, {"n": 1}, "0", 9)
    assert msgspec.json.decode(msgspec.json.encode(alert)) == {
        "alertId": "a",
        "revision": 2,
        "type": "X",
        "detector": "x",
        "storeId": "store-1",
        "employeeId": None,
        "riskScore": 0.5,
        "message": "Look.",
        "eventTime": 5,
        "openedAt": 4,
        "detectedAt": 9,
        "evidence": {"n": 1},
        "configHash": "0",
    }
