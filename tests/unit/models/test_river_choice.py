from __future__ import annotations

import pytest
from river import anomaly, base, compose, preprocessing

from retail_anomaly.models.river_choice import RiverChoice
from tests.unit.models import detectors_to_choose

HERE = detectors_to_choose.__name__


def error_of(*arguments) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is what is tested
        RiverChoice(*arguments).try_out({"refunds": 1.0, "sales": 9.0})
    message = str(caught.value)
    assert "\n" not in message
    return message


def river_detectors():
    """Yield River's detectors, except those that wrap another one: plain values can't name that."""
    for name in anomaly.__all__:
        kind = getattr(anomaly, name)
        if not issubclass(kind, base.Wrapper):
            yield name


@pytest.mark.parametrize("name", list(river_detectors()))
def test_every_detector_of_river_can_be_chosen(name):
    choice = RiverChoice(f"river.anomaly.{name}")
    choice.try_out({"refunds": 1.0, "sales": 9.0})
    detector, scaler = choice.make()
    assert type(detector) is getattr(anomaly, name)
    assert scaler is None


def test_parameters_and_scaler_are_what_was_asked_for_and_each_is_new():
    choice = RiverChoice(
        "river.anomaly.HalfSpaceTrees", {"n_trees": 3, "seed": 7}, "river.preprocessing.MinMaxScaler"
    )
    (one, scaler), (other, _) = choice.make(), choice.make()
    assert (one.n_trees, one.seed) == (3, 7)
    assert isinstance(scaler, preprocessing.MinMaxScaler)
    assert one is not other


@pytest.mark.parametrize("name", ["scaled_trees", "filtered_trees", "scaled_gaussian"])
def test_a_function_that_returns_a_pipeline_or_a_filter_can_be_chosen(name):
    choice = RiverChoice(f"{HERE}.{name}")
    choice.try_out({"excess": 0.0, "usual": 1.0, "refunds": 1.0})
    detector, scaler = choice.make()
    assert isinstance(detector, compose.Pipeline | anomaly.QuantileFilter)
    assert scaler is None


def test_a_class_of_ones_own_can_be_chosen():
    detector, _ = RiverChoice(f"{HERE}.Counting", {"step": 2}).make()
    assert detector.score_one({}) == 0
    detector.learn_one({})
    assert detector.score_one({}) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("HalfSpaceTrees",),
         "model: expected packaged or a class of River such as river.anomaly.HalfSpaceTrees, "
         "got 'HalfSpaceTrees'"),
        (("river.anomaly.HalfSpaceTree",),
         "model: there is no river.anomaly.HalfSpaceTree; did you mean HalfSpaceTrees?"),
        (("river.anomaly.Xyz",),
         "model: there is no river.anomaly.Xyz; did you mean GaussianScorer, HalfSpaceTrees, LODA, "),
        (("river.anomalies.HalfSpaceTrees",),
         "model: there is no river.anomalies.HalfSpaceTrees: ModuleNotFoundError: "),
        (("river.linear_model.LinearRegression",),
         "model: river.linear_model.LinearRegression is not an anomaly detector of River's kind"),
        (("river.anomaly.base",), "model: there is no river.anomaly.base; did you mean "),
        (("river.anomaly.HalfSpaceTrees", {"n_tree": 3}),
         "got an unexpected keyword argument 'n_tree'; "
         "HalfSpaceTrees takes n_trees, height, window_size, limits, seed"),
        (("river.anomaly.HalfSpaceTrees", {"height": "tall"}),
         "model_parameters: river.anomaly.HalfSpaceTrees does not work with them: TypeError: "),
        (("river.anomaly.QuantileFilter", {"q": 0.9}),
         "model: river.anomaly.QuantileFilter is not an anomaly detector of River's kind"),
        (("river.anomaly.HalfSpaceTrees", {}, "MinMaxScaler"),
         "scaler: expected none or a class of River such as river.preprocessing.MinMaxScaler, "
         "got 'MinMaxScaler'"),
        (("river.anomaly.HalfSpaceTrees", {}, "river.preprocessing.MinMaxScalar"),
         "scaler: there is no river.preprocessing.MinMaxScalar; did you mean MinMaxScaler?"),
        (("river.anomaly.HalfSpaceTrees", {}, "river.anomaly.LODA"),
         "scaler: river.anomaly.LODA is not a transformer of River's kind"),
        ((f"{HERE}.no_detector",),
         f"model: {HERE}.no_detector returns no anomaly detector of River's kind, but a Mean"),
        ((f"{HERE}.nameless",),
         f"model: {HERE}.nameless can't be stored: it holds {HERE}.nameless.<locals>.<lambda>, which can't"),
        ((f"{HERE}.scaled_trees", {"trees": 3}),
         "got an unexpected keyword argument 'trees'; scaled_trees takes n_trees, seed"),
        ((f"{HERE}.Counting", {"step": 0}),
         "model_parameters: ValueError: step: expected more than 0; Counting takes step"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_one_line_that_names_the_setting(arguments, message):
    found = error_of(*arguments)
    assert message in found
    assert found.startswith(
        message.partition(":")[0] if message.startswith(("model", "scaler")) else "model_parameters: "
    )
