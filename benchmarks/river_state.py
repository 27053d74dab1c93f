"""How large the stored state of River's detectors is: ``python -m benchmarks.river_state``."""

import pickle
import random
import time
import zlib
from collections.abc import Iterator
from typing import Any, Final

from river import anomaly, base, forest

from retail_anomaly.models.river_choice import is_supervised
from retail_anomaly.models.river_judges import REFUND_FEATURES
from retail_anomaly.models.river_state import pack, unpack
from retail_anomaly.models.river_state.permitted import Permitted

_REFUNDS: Final = 1_500


class ForestOfRefunds(base.SupervisedAnomalyDetector):
    """A forest that learns whether there are more refunds than usual."""

    def __init__(self) -> None:
        self.forest = forest.ARFClassifier(n_models=5, seed=1)

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn the answer."""
        self.forest.learn_one(x, y > 0)

    def score_one(self, x: dict[Any, Any], y: Any) -> float:
        """Return how unlikely the forest found it."""
        return 1 - self.forest.predict_proba_one(x).get(y > 0, 0.5)


DETECTORS: Final[dict[str, Any]] = {
    "`GaussianScorer`, `window_size: null`": anomaly.GaussianScorer(window_size=None),
    "`OneClassSVM`": anomaly.OneClassSVM(),
    "`HalfSpaceTrees`, `n_trees: 10, height: 6`": anomaly.HalfSpaceTrees(n_trees=10, height=6, seed=0),
    "`HalfSpaceTrees`, defaults": anomaly.HalfSpaceTrees(seed=0),
    "`LODA`": anomaly.LODA(seed=0),
    "`ARFClassifier`, 5 trees": ForestOfRefunds(),
}


def rows() -> Iterator[str]:
    """Yield the rows of a table in Markdown."""
    yield "| detector, after 1,500 refunds | bytes | compressed | writing | reading |"
    yield "| --- | --- | --- | --- | --- |"
    for name, detector in DETECTORS.items():
        rng = random.Random(1)
        for _ in range(_REFUNDS):
            x = {feature: float(rng.randrange(9)) for feature in REFUND_FEATURES}
            target = x["excess"] - 4
            detector.learn_one(*((x, target) if is_supervised(detector) else (x,)))
        permitted = Permitted(detector)
        packed = pack(detector, permitted)
        pickled = pickle.dumps(detector)
        writing = _least(lambda: pack(detector, permitted)) / _least(lambda: pickle.dumps(detector))  # noqa: B023
        reading = _least(lambda: unpack(packed, permitted)) / _least(lambda: pickle.loads(pickled))  # noqa: B023, S301
        compressed = len(zlib.compress(packed, 1))
        yield f"| {name} | {len(packed):,} | {compressed:,} | {writing:.1f} | {reading:.1f} |"


def _least(step: Any) -> float:
    """Return the least processor time of some runs."""
    times = []
    for _ in range(5):
        began = time.process_time()
        step()
        times.append(time.process_time() - began)
    return max(min(times), 1e-6)


if __name__ == "__main__":
    for row in rows():
        print(row)
