"""A River detector as bytes: it goes on bit for bit, and what somebody else wrote runs no code."""

from __future__ import annotations

import functools
import operator
import os
import pickle
import random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import base, forest, preprocessing, stats

from retail_anomaly.models.river_choice import RiverChoice, learn, score
from retail_anomaly.models.river_state import RefusedStateError, UnstorableError, node_kinds, pack, unpack
from retail_anomaly.models.river_state.permitted import Permitted
from tests.unit.models import detectors_to_choose

HERE = detectors_to_choose.__name__
FEATURES = ("excess", "usual", "refunds", "sales", "hour")
TREES = {"n_trees": 5, "height": 5, "window_size": 40}
CHOICES = {
    "trees": RiverChoice("river.anomaly.HalfSpaceTrees", TREES, "river.preprocessing.MinMaxScaler"),
    "gaussian": RiverChoice("river.anomaly.GaussianScorer", {"window_size": 50, "grace_period": 10}),
    "gaussian of all": RiverChoice("river.anomaly.GaussianScorer", {"window_size": None}),
    "forest": RiverChoice(f"{HERE}.Surprise"),
    "pipeline": RiverChoice(f"{HERE}.scaled_trees", {"n_trees": 2}),
    "pipeline with a target": RiverChoice(f"{HERE}.scaled_gaussian"),
    "filter": RiverChoice(f"{HERE}.filtered_trees"),
    "neighbours": RiverChoice("river.anomaly.LocalOutlierFactor"),
    "loda": RiverChoice("river.anomaly.LODA"),
    "svm": RiverChoice("river.anomaly.OneClassSVM", {}, "river.preprocessing.StandardScaler"),
    "predictive": RiverChoice("river.anomaly.PredictiveAnomalyDetection"),
}


def features(rng: random.Random) -> dict[str, float]:
    return {name: rng.gauss(0, 2) if name == "excess" else float(rng.randrange(9)) for name in FEATURES}


def scores_of(made: Any, rng: random.Random, count: int) -> list[float]:
    (detector, scaler), found = made, []
    for _ in range(count):
        x = features(rng)
        found.append(score(detector, scaler, x))
        learn(detector, scaler, x)
    return found


@pytest.mark.parametrize("name", CHOICES)
def test_a_detector_goes_on_bit_for_bit(name):
    choice = CHOICES[name]
    made = choice.make()
    scores_of(made, random.Random(1), 150)
    again = unpack(pack(made, choice.permitted), choice.permitted)
    assert pack(again, choice.permitted) == pack(made, choice.permitted)
    expected = scores_of(made, random.Random(2), 150)
    assert msgspec.msgpack.encode(scores_of(again, random.Random(2), 150)) == msgspec.msgpack.encode(expected)
    assert len(set(expected)) > 5


def storable_estimators():
    """Yield River's estimators that learn from numbers."""
    for kind in (
        *(preprocessing.StandardScaler, preprocessing.RobustScaler, preprocessing.AdaptiveStandardScaler),
        *(forest.ARFRegressor, forest.ARFClassifier, forest.AMFClassifier, stats.Quantile, stats.Kurtosis),
    ):
        yield kind()


@pytest.mark.parametrize("estimator", list(storable_estimators()), ids=lambda each: type(each).__name__)
def test_parts_of_pipelines_are_stored(estimator: Any):
    rng = random.Random(3)
    for _ in range(80):
        x: dict[Any, Any] = dict(features(rng))
        if isinstance(estimator, stats.base.Univariate):
            estimator.update(x["excess"])
        elif isinstance(estimator, base.Classifier):
            estimator.learn_one(x, x["excess"] > 0)
        elif isinstance(estimator, base.Regressor):
            estimator.learn_one(x, x["excess"])
        else:
            estimator.learn_one(x)
    permitted = Permitted(type(estimator)())
    again = unpack(pack(estimator, permitted), permitted)
    assert pack(again, permitted) == pack(estimator, permitted)


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text("ab"), inner),
        max_leaves=8,
    )
)
def test_plain_values_come_back(value):
    found = unpack(pack(value, Permitted(None)), Permitted(None))
    assert repr(found) == repr(value)


def test_numbers_of_numpy_keep_their_type_bits_and_order():
    values: list[Any] = [
        np.float64("nan"),
        np.uint32(7),
        np.arange(6.0).reshape(2, 3).T,
        np.array([], np.int64),
        np.True_,
    ]
    found: list[Any] = unpack(pack(values, Permitted(None)), Permitted(None))
    for value, again in zip(values, found, strict=True):
        assert type(again) is type(value)
        assert again.tobytes("A") == value.tobytes("A")
        assert np.asarray(again).strides == np.asarray(value).strides


def test_what_is_shared_stays_shared_and_circles_close():
    mean = stats.Mean()
    ring: list[Any] = [mean, {"again": mean}]
    ring.append(ring)
    found = unpack(pack(ring, Permitted(mean)), Permitted(mean))
    assert found[0] is found[1]["again"]
    assert found[2] is found


def test_random_generators_go_on():
    mine, numpys = random.Random(4), np.random.RandomState(4)
    mine.gauss(0, 1), numpys.standard_normal()
    again, others = unpack(pack([mine, numpys], Permitted(None)), Permitted(None))
    assert [again.gauss(0, 1), again.random()] == [mine.gauss(0, 1), mine.random()]
    assert [others.standard_normal(), others.rand()] == [numpys.standard_normal(), numpys.rand()]


@pytest.mark.parametrize("value", [iter([1]), open, (each for each in ()), lambda x: x, os.environ, object])
def test_what_can_not_be_stored_is_named(value):
    with pytest.raises(UnstorableError, match=r"it holds .*, which can't be stored"):
        pack([stats.Mean(), value], Permitted(stats.Mean()))


# --- What somebody else wrote ---------------------------------------------------------------------

RAN: list[str] = []


def ran(*_: Any) -> str:
    RAN.append("ran")
    return "ran"


class Gadget:
    """An object whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class Dangerous(base.AnomalyDetector):
    """A class that the settings trust, and that does something when pickle sets its state."""

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        ran()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "run":
            ran()
        super().__setattr__(name, value)

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn nothing."""

    def score_one(self, x: dict[Any, Any]) -> float:
        return 0.0


PICKLES: dict[str, Any] = {
    "a function": Gadget(ran),
    "os.system": Gadget(os.system, "true"),
    "eval": Gadget(eval, "1"),
    "getattr": Gadget(getattr, stats.Mean(), "update"),
    "attrgetter": operator.attrgetter("__class__"),
    "methodcaller": operator.methodcaller("clear"),
    "partial": functools.partial(ran),
    "an array of objects": np.array([Gadget(ran)], object),
    "a load by NumPy": Gadget(np.load, "/dev/null"),
}


@pytest.mark.parametrize("name", PICKLES)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_no_pickle_is_read(name, protocol):
    hostile = pickle.dumps(PICKLES[name], protocol)
    for content in (hostile, pack([hostile], Permitted(None))[:-1] + hostile):
        RAN.clear()
        with pytest.raises(RefusedStateError, match="it is no state of a detector"):
            unpack(content, CHOICES["pipeline"].permitted)
        assert not RAN


def node(*parts: Any) -> bytes:
    """Return state of one node."""
    return state([list(parts)])


def state(nodes: list[Any], shapes: list[Any] | None = None, root: Any = (0,)) -> bytes:
    return msgspec.msgpack.encode([shapes or [], nodes, root])


def of_class(name: str, attributes: tuple[str, ...] = (), slots: tuple[str, ...] = (), *values: Any) -> bytes:
    return state([[node_kinds.OBJECT, 0, *values]], [[name, list(attributes), list(slots)]])


NAMES = [
    *("builtins:eval", "builtins:exec", "builtins:getattr", "builtins:__import__", "builtins:type"),
    *("builtins:object", "builtins:property", "builtins:memoryview", "builtins:open"),
    *("os:system", "posix:system", "subprocess:Popen", "operator:attrgetter", "operator:methodcaller"),
    *("operator:itemgetter", "functools:partial", "functools:reduce", "types:CodeType", "types:FunctionType"),
    *("types:MethodType", "builtins:function", "builtins:code", "codecs:decode", "pickle:loads"),
    *("importlib:import_module", "numpy:load", "numpy._core.multiarray:_reconstruct", "numpy:ndarray"),
    *("numpy._core.multiarray:scalar", "numpy.core.multiarray:_reconstruct", "numpy:fromfile"),
    *("numpy.ctypeslib:load_library", "numpy.f2py:compile", "random:Random", "random:SystemRandom"),
    *("river.datasets.base:Dataset", "river.datasets:Phishing", "river.stream.cache:Cache"),
    *("river.stream.iter_csv:iter_csv", "river.checks:check_estimator", "river.compose.func:typing"),
    *("river.utils.math:np", "river.base.base:Base.__init__.__globals__", "river.base.base:copy"),
    *("river.anomaly.hst:__builtins__", "river.stats.mean:stats.base.os", "river..os:system", "river:os"),
    *("river.utils.pretty:", "river.anomaly", ":", "river.anomaly:HalfSpaceTrees", "tests.conftest:Path"),
    *(f"{HERE}:anomaly.HalfSpaceTrees", f"{HERE}:Any", f"{HERE}:Counting.__init__"),
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_anything_else_are_refused_wherever_they_stand(name):
    permitted = CHOICES["pipeline"].permitted
    for content in (
        node(node_kinds.CLASS, name),
        node(node_kinds.FUNCTION, name),
        node(node_kinds.NAMED_TUPLE, name, "true"),
        node(node_kinds.RUST, name, b"", 1),
        node(node_kinds.VECTOR, name, None, None, None, True),
        of_class(name),
        of_class(name, ("a",), (), 1),
        state([[node_kinds.OWN_DEQUE, 0, 0, None]], [[name, [], []]]),
        state([[node_kinds.DEFAULTS, [1]], [node_kinds.FUNCTION, name]]),
        state([[node_kinds.PARTIAL, [1], [2], [3]], [node_kinds.FUNCTION, name], [3, "true"], [2]]),
    ):
        with pytest.raises(RefusedStateError) as caught:
            unpack(content, permitted)
        assert "\n" not in str(caught.value)


HOSTILE: dict[str, bytes] = {
    "a method of a class": state(
        [[node_kinds.METHOD, [1], "mro"], [node_kinds.CLASS, "river.stats.mean:Mean"]]
    ),
    "a private method": state(
        [[node_kinds.METHOD, [1], "__reduce_ex__"], [node_kinds.OBJECT, 0]],
        [["river.stats.mean:Mean", [], []]],
    ),
    "a property as a method": state(
        [[node_kinds.METHOD, [1], "__class__"], [node_kinds.OBJECT, 0]], [["river.stats.mean:Mean", [], []]]
    ),
    "a method of a text": state([[node_kinds.METHOD, "a", "format"]]),
    "attributes of a class": state([[node_kinds.OBJECT, 0, 1]], [["river.stats.mean:Mean", [], ["update"]]]),
    "the class as a slot": of_class("river.stats.mean:Mean", (), ("__class__",), 1),
    "the dictionary as a slot": of_class("river.stats.mean:Mean", (), ("__dict__",), 1),
    "an array of objects": node(node_kinds.ARRAY, "|O", "C", [1], b"\0" * 8),
    "an array with fields": node(node_kinds.ARRAY, "i4,i4", "C", [1], b"\0" * 8),
    "an array of another size": node(node_kinds.ARRAY, "<f8", "C", [10**9, 10**9], b"\0" * 8),
    "an array of a negative size": node(node_kinds.ARRAY, "<f8", "C", [-1, -1], b"\0" * 8),
    "a scalar without bytes": node(node_kinds.SCALAR, "<f8", b""),
    "a place beyond the random numbers": node(node_kinds.RANDOM_STATE, b"\0" * 2496, 10**6, 0, 0.0),
    "a negative place": node(node_kinds.RANDOM_STATE, b"\0" * 2496, -5, 0, 0.0),
    "too few random numbers": node(node_kinds.RANDOM, b"\0" * 8, 1, None),
    "a text as the next of a pair": node(node_kinds.RANDOM, b"\0" * 2496, 1, "x"),
    "a window without end": node(
        node_kinds.RUST, "river._river_rust.stats:RsRollingQuantile", b"", 0.5, 2**62
    ),
    "nonsense for Rust": node(node_kinds.RUST, "river._river_rust.stats:RsQuantile", b"\xff" * 40, 0.5),
    "a tuple in itself": state([[node_kinds.TUPLE, [0]]]),
    "a list as a key": state([[node_kinds.DICT, [1], 1], [node_kinds.LIST]]),
    "a key without a value": node(node_kinds.DICT, "a"),
    "a node that is not there": state([[node_kinds.LIST, [7]]]),
    "a negative node": state([[node_kinds.LIST, [-1]]]),
    "a reference to two": state([[node_kinds.LIST, [0, 0]]]),
    "an unknown kind": node(99),
    "an empty node": state([[]]),
    "a default that is no function": node(node_kinds.DEFAULTS, "true"),
    "a partial call of a text": state(
        [[node_kinds.PARTIAL, "a", [1], [2]], [node_kinds.TUPLE], [node_kinds.DICT]]
    ),
    "deep tuples": state([[node_kinds.TUPLE, [n + 1]] for n in range(5_000)] + [[node_kinds.TUPLE]]),
    "lists in lists without end": b"\x91" * 5_000,
    "another form": msgspec.msgpack.encode({"detector": 1}),
    "nothing": b"",
    "JSON": b"[[], [], 1]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_state_that_nobody_packed_is_refused_in_one_line(name):
    with pytest.raises(RefusedStateError) as caught:
        unpack(HOSTILE[name], CHOICES["pipeline"].permitted)
    assert "\n" not in str(caught.value)


def test_setting_state_calls_nothing_of_a_class_that_the_settings_trust():
    permitted = Permitted(Dangerous(), __name__)
    RAN.clear()
    found = unpack(of_class(f"{__name__}:Dangerous", ("run", "state"), (), 1, 2), permitted)
    assert not RAN
    assert vars(found) == {"run": 1, "state": 2}


def test_functions_of_the_module_that_the_settings_name_are_not_reached_unless_the_detector_has_them():
    permitted = CHOICES["pipeline"].permitted
    assert unpack(node(node_kinds.FUNCTION, f"{HERE}:_counts"), permitted) is detectors_to_choose._counts
    with pytest.raises(RefusedStateError):
        unpack(node(node_kinds.FUNCTION, f"{HERE}:_is_count"), permitted)


GAUSSIAN = pack(CHOICES["gaussian"].make(), CHOICES["gaussian"].permitted)


@given(st.data())
def test_damaged_state_is_refused_or_read_and_never_anything_else(data: Any):
    choice = CHOICES["gaussian"]
    content = bytearray(GAUSSIAN)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        unpack(bytes(content), choice.permitted)
    except RefusedStateError:
        return
