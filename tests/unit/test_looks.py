"""Colour and symbol of an alert type stand beside the type, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retail_anomaly.core.registry import look_of
from retail_anomaly.core.spare_looks import Look, spare_look
from retail_anomaly.detectors import REGISTRY, RefundBurst, looks, register, unregister
from retail_anomaly.plots import style

WHITE, GRAFANA_DARK = "#ffffff", "#181b1f"
SPARE = [spare_look(str(number)) for number in range(100)]


class Plain(RefundBurst):
    """A burst by another name, which inherits the colour of the first."""

    name, alert_type = "plain", "PLAIN"


@pytest.fixture
def plain() -> Iterator[str]:
    register(Plain)
    yield "PLAIN"
    unregister("plain")


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_every_shipped_type_has_a_colour_and_a_symbol_of_its_own():
    shown = looks()
    assert list(shown) == [detector.alert_type for detector in REGISTRY.values()]
    assert len({look.colour for look in shown.values()}) == len(shown)
    assert len({look.symbol for look in shown.values()}) == len(shown)


@pytest.mark.parametrize("look", sorted({*looks().values(), *SPARE}), ids=lambda look: look.colour)
def test_a_colour_is_seen_on_white_and_in_grafanas_dark_theme(look: Look):
    assert contrast(look.colour, WHITE) >= 3
    assert contrast(look.colour, GRAFANA_DARK) >= 3


@pytest.mark.parametrize("look", sorted({*looks().values(), *SPARE}), ids=lambda look: look.symbol)
def test_plotly_knows_the_symbol(look: Look):
    import plotly.graph_objects as go

    assert go.Scatter(marker={"symbol": look.symbol}).marker.symbol == look.symbol


def test_a_detector_that_declares_none_gets_a_spare_look_that_no_other_has(plain):
    own = looks()[plain]
    assert own in SPARE
    assert own.colour not in {look.colour for name, look in looks().items() if name != plain}


def test_figures_draw_a_registered_detector_as_they_draw_its_alerts_in_a_process_that_does_not_know_it(plain):
    drawn = look_of(plain)
    assert drawn == looks()[plain]
    unregister("plain")
    assert look_of(plain) == drawn


def test_a_look_is_stable_while_spare_ones_are_left_and_exists_when_none_is():
    assert spare_look("MY_OWN", [Look("#000000", "circle")]) == spare_look("MY_OWN")
    assert spare_look("MY_OWN", SPARE) == spare_look("MY_OWN")


def test_grafana_and_figures_have_one_palette():
    from helm.dashboards.panels import COLOURS

    assert {name: style.colour_of(name) for name in COLOURS} == COLOURS
