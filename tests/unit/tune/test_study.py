"""A study in a file: what it survives."""

from __future__ import annotations

import pytest

from retail_anomaly.detectors import REGISTRY
from retail_anomaly.tune import TuneError
from retail_anomaly.tune.space import Space
from retail_anomaly.tune.store_share_trials import TrialOutcome
from retail_anomaly.tune.study import quiet, searches

NAMES = ("refund_burst", "stock_discrepancy")
IDENTITY = {"log": "1"}


@pytest.fixture(autouse=True)
def _quiet():
    with quiet():
        yield


def opened(file, names=NAMES, seed=0):
    spaces = [Space(name, REGISTRY[name].Parameters()) for name in names]
    return searches(spaces, file=file, identity=IDENTITY, seed=seed)


def learn(search, parameters):
    search.learn(parameters, TrialOutcome(3, (0, 2)), worth=0.5, excess=-0.1)


def test_what_was_tried_is_there_again(tmp_path):
    first, second = opened(tmp_path / "s")
    learn(first, first.propose())
    learn(second, second.propose())
    again = opened(tmp_path / "s")
    assert [search.tried for search in again] == [first.tried, second.tried]
    assert again[0].tried[0].outcome == TrialOutcome(3, (0, 2))


def test_a_proposal_without_an_outcome_is_proposed_again(tmp_path):
    """As a process leaves it that was killed."""
    search, _ = opened(tmp_path / "s")
    learn(search, search.propose())
    lost = search.propose()
    again, _ = opened(tmp_path / "s")
    assert len(again.tried) == 1
    assert again.propose() == lost


def test_a_detector_may_be_added_to_a_study(tmp_path):
    (search,) = opened(tmp_path / "s", NAMES[:1])
    learn(search, search.propose())
    first, second = opened(tmp_path / "s")
    assert (len(first.tried), len(second.tried)) == (1, 0)


def test_seed_and_detector_decide_the_proposals():
    proposals = [opened(None, seed=seed)[0].propose() for seed in (0, 0, 1)]
    assert proposals[0] == proposals[1] != proposals[2]


@pytest.mark.parametrize("content", [b"detectors:\n", b'{"a": 1}\n', b"[1]\n", b"\xff\xfe\n", b"7\n"])
def test_a_file_that_is_no_study_is_refused(content, tmp_path):
    path = tmp_path / "s"
    path.write_bytes(content)
    with pytest.raises(TuneError, match=r"s: no study") as refused:
        opened(path)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == content
