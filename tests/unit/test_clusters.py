"""A log in buckets on real clusters of Dask and Ray: one of two workers is killed, and nothing differs."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pandas as pd
import pytest

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.evaluate import Activity, activity_of_buckets
from retail_anomaly.replay.executors import ClusterError, opened_executor
from retail_anomaly.sources.bucket_writer import write_buckets
from tests.support.buckets import BUCKETS, content_hash
from tests.support.clusters import dask_cluster, ray_cluster
from tests.support.gated import Gated, held_process
from tests.support.ports import free_ports

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "history"
    write_buckets(Simulation(stores=4, days=1, seed=3).events(), folder, BUCKETS)
    return folder


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_a_worker_is_killed_and_the_alerts_are_those_of_one_process(log, tmp_path, kind):
    expected = content_hash(ra.replay(log, executor="local", results=tmp_path / "one"))
    cluster = dask_cluster(tmp_path) if kind == "dask" else ray_cluster()
    with cluster as address, opened_executor(address) as executor:
        gate = tmp_path / "gate"
        killer = threading.Thread(target=lambda: os.kill(held_process(gate), signal.SIGKILL))
        killer.start()
        result = ra.replay(log, executor=Gated(executor, gate), results=tmp_path / "two")
        killer.join()
        assert content_hash(result) == expected
        activity, _ = activity_of_buckets(log, executor=executor)
        pd.testing.assert_frame_equal(activity.sample, Activity.of(ra.load(log)).sample)
        # The second call finds its own way to the cluster, and nothing left to do.
        again = ra.replay(log, executor=address, results=tmp_path / "two")
    assert again.remarks[0] == f"{BUCKETS} of {BUCKETS} buckets were done before"


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_an_address_that_nobody_answers_is_one_line(kind):
    (port,) = free_ports(1)
    with (
        pytest.raises(ClusterError, match=r"does not answer .*: is the cluster up") as raised,
        opened_executor(f"{kind}://127.0.0.1:{port}", patience=1),
    ):
        pass
    assert "\n" not in str(raised.value)


def test_an_address_of_ray_has_a_port():
    with pytest.raises(ClusterError, match=r"127\.0\.0\.1 has no port"), opened_executor("ray://127.0.0.1"):
        pass
