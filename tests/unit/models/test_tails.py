"""The models' distributions agree with SciPy's, digit by digit."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from retail_anomaly.models.student import student_t
from retail_anomaly.models.tails import at_least, at_most, band, both_tails, poisson_interval

EXACT = 1e-12
COUNTED = 1e-200  # below, SciPy loses digits
whole = st.integers(0, 2_500).map(float)
fractions = st.floats(0.01, 2_500)
means = st.floats(1e-6, 2_500)
shapes = st.floats(0.3, 2_000)


def of_scipy(count, mean, shape):
    low = special.betainc(shape, count + 1, shape / (mean + shape))
    return float(low), float(special.betainc(count, shape, mean / (mean + shape))) if count else 1.0


@given(count=whole | fractions | st.integers(0, 40).map(float), mean=means, shape=shapes)
def test_both_tails_of_a_count_are_those_of_scipy(count, mean, shape):
    for own, scipys in zip(both_tails(count, mean, shape), of_scipy(count, mean, shape), strict=True):
        assert 0 < own <= 1
        if scipys > COUNTED:
            assert own == pytest.approx(scipys, rel=EXACT)


@given(share=st.floats(0.2, 3.0), mean=st.floats(5, 800), shape=shapes)
def test_both_tails_near_the_mean_are_those_of_scipy(share, mean, shape):
    """Where the two sides meet, and where most counts are."""
    count = float(round(share * mean))
    assert both_tails(count, mean, shape) == pytest.approx(of_scipy(count, mean, shape), rel=EXACT)


@given(count=whole, mean=means, shape=shapes)
def test_one_tail_is_that_of_both(count, mean, shape):
    assert (at_most(count, mean, shape), at_least(count, mean, shape)) == both_tails(count, mean, shape)


@given(freedom=st.sampled_from((4, 8)), t=st.floats(-1e4, 1e4))
def test_students_distribution_is_that_of_scipy(freedom, t):
    assert student_t(freedom, t) == pytest.approx(float(special.stdtr(freedom, t)), rel=EXACT)


@pytest.mark.parametrize("mean", [0.0, 0.02, 0.7, 3.0, 12.5, 80.0, 450.0, 499.9, 500.1, 2000.0])
@pytest.mark.parametrize("shape", [0.5, 2.0, 30.0, 1e4])
def test_band_leaves_a_fortieth_on_each_side(mean, shape):
    lower, upper = band(mean, shape)
    assert at_most(lower, mean, shape) >= 0.025
    assert lower == 0 or at_most(lower - 1, mean, shape) < 0.025
    assert at_least(upper + 1, mean, shape) <= 0.025
    assert upper == 0 or at_least(upper, mean, shape) > 0.025


@pytest.mark.parametrize("count", [0, 1, 2, 10, 25, 300, 4_000])
def test_poisson_interval_is_that_of_the_gamma_distribution(count):
    low, high = poisson_interval(count, 0.9973)
    outside = (1 - 0.9973) / 2
    assert low == pytest.approx(float(special.gammaincinv(count, outside)) if count else 0.0, rel=1e-6)
    assert high == pytest.approx(float(special.gammaincinv(count + 1, 1 - outside)), rel=1e-6)


def test_packaged_models_load_neither_scipy_nor_river():
    script = """
import sys
from tests.unit.models.weeks_with_everything import engine, steps
from retail_anomaly.contract import Run
run = Run(engine())
assert sum(len(run.step(step)) for step in steps()) > 20
assert not {"scipy", "river"} & sys.modules.keys(), "loaded"
"""
    subprocess.run([sys.executable, "-c", script], check=True)
