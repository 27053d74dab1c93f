"""What may be tried, and how it is written down."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.core.durations import Duration
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.settings import Settings, StoreSettings, load, with_parameters
from retail_anomaly.tune.config_file import config_text
from retail_anomaly.tune.space import Space

tuned = pytest.mark.parametrize("name", [name for name in REGISTRY if REGISTRY[name].Parameters.ranges()])


@tuned
@given(data=st.data())
def test_whatever_is_drawn_lies_in_its_range_on_its_steps_and_is_read_back_from_a_file(
    name, data, tmp_path_factory
):
    space = Space(name, REGISTRY[name].Parameters())
    steps = {
        field: data.draw(st.integers(drawn.low, drawn.high)) for field, drawn in space.distributions().items()
    }
    found = space.parameters(steps)
    for field, limits in space.ranges.items():
        value = getattr(found, field)
        assert type(value) is type(getattr(space.base, field))
        assert limits.low <= value <= limits.high
        assert value / limits.step == pytest.approx(round(value / limits.step))
    path = tmp_path_factory.mktemp("config") / "tuned.yaml"
    settings = with_parameters(Settings(), {name: found})
    path.write_text(config_text(settings, ["a comment", "", "another"]), "utf-8")
    assert load(path, environ={}).settings == settings


def test_distance_counts_changes_first():
    burst: Any = REGISTRY["refund_burst"].Parameters
    space = Space("refund_burst", burst())
    assert space.distance(burst()) == (0, 0.0)
    assert space.distance(burst(count=4)) < space.distance(burst(count=12))
    assert space.distance(burst(count=12)) < space.distance(burst(count=4, amount=105.0))


def test_a_file_keeps_what_the_base_says_besides(tmp_path):
    base = Settings(
        max_late=Duration.parse("36h"),
        stores={
            "0012": StoreSettings(time_zone="Europe/Berlin"),
            "no": StoreSettings(detectors={"refund_burst": {"window": Duration.parse("5m"), "amount": 50.0}}),
            "Köln: 1": StoreSettings(time_zone="Europe/Berlin"),
        },
    )
    path = tmp_path / "tuned.yaml"
    path.write_text(config_text(base), "utf-8")
    assert load(path, environ={}).settings == base


def test_a_file_without_a_difference_is_comments_only(tmp_path):
    path = tmp_path / "tuned.yaml"
    path.write_text(config_text(Settings(), ["Nothing better was found."]), "utf-8")
    assert yaml.safe_load(path.read_text("utf-8")) is None
    assert load(path, environ={}).settings == Settings()
