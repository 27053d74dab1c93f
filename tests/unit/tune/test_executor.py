"""Tuning over a log in buckets, with an executor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from retail_anomaly.cli import main
from retail_anomaly.core.errors import UsageError
from retail_anomaly.sources.bucket_writer import write_buckets
from retail_anomaly.tune import tune
from tests.support.tuning import TOO_STRICT, only, shops

pytestmark = pytest.mark.long

ASKED: dict[str, Any] = {"settings": only("refund_burst", **TOO_STRICT), "budget": 1.0, "progress": False}


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "history"
    write_buckets(shops()[0], folder, 3)
    return folder


def test_an_executor_finds_what_one_process_finds_and_goes_on_with_its_study(history, tmp_path):
    events, incidents = shops()
    expected = tune(events, incidents, trials=6, **ASKED)
    shared = {**ASKED, "study": tmp_path / "study"}
    with ThreadPoolExecutor(2) as threads:
        first = tune(history, incidents, trials=4, executor=threads, **shared)
    pd.testing.assert_frame_equal(first.trials, expected.trials.head(4))
    resumed = tune(history, incidents, trials=6, executor="local", **shared)
    pd.testing.assert_frame_equal(resumed.trials, expected.trials)
    assert resumed.config == expected.config


def test_an_executor_takes_a_log_in_buckets_and_no_other(tmp_path):
    (tmp_path / "events.jsonl").touch()
    with pytest.raises(UsageError, match="is no log in buckets"):
        tune(tmp_path / "events.jsonl", shops()[1], executor="local", **ASKED)
    with pytest.raises(UsageError, match="an executor takes one log in buckets"):
        tune(shops()[0], shops()[1], executor="local", **ASKED)


def test_the_command_knows_the_forms_of_an_executor(history, tmp_path, capsys):
    (tmp_path / "incidents.jsonl").write_text("")
    output = ["--incidents", str(tmp_path / "incidents.jsonl"), "--output", str(tmp_path / "tuned.yaml")]
    assert main(["tune", str(history), *output, "--executor", "spark://host"]) == 2
    assert "--executor is local, dask://HOST:PORT" in capsys.readouterr().err
