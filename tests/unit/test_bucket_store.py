"""A log in buckets and its results in an object store, by S3's own interface."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.core.errors import UsageError
from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.bucket_writer import write_buckets
from tests.support.buckets import BUCKETS, content_hash

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A bucket of a server with S3's interface, at a free port."""
    with pytest.MonkeyPatch.context() as patch:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        server.start()
        host, port = server.get_host_and_port()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        boto3.client("s3").create_bucket(Bucket="history")
        yield "s3://history"
        server.stop()


def test_a_log_in_an_object_store_gives_the_alerts_of_one_on_disk(store, tmp_path):
    events = list(Simulation(stores=4, days=2, seed=3).events())
    write_buckets(events, tmp_path / "log", BUCKETS)
    write_buckets(events, f"{store}/log", BUCKETS)
    expected = content_hash(ra.replay(tmp_path / "log", executor="local"))
    result = ra.replay(f"{store}/log", executor="local", jobs=2)
    assert content_hash(result) == expected
    again = ra.replay(f"{store}/log", executor="local")
    assert content_hash(again) == expected
    assert again.remarks[0] == f"{BUCKETS} of {BUCKETS} buckets were done before"
    # A folder of results beside the events does not disturb who reads them.
    assert len(list(ra.load(f"{store}/log"))) == len(events)
    with pytest.raises(UsageError, match="is not empty"):
        write_buckets(events, f"{store}/log", BUCKETS)


def test_a_file_that_is_another_one_is_one_line(store, tmp_path):
    write_buckets(Simulation(stores=1, days=1, seed=3).events(), f"{store}/changed", 1)
    client = boto3.client("s3")
    listed = client.list_objects_v2(Bucket="history", Prefix="changed/")["Contents"]
    (name,) = (found["Key"] for found in listed if "/pos-" in found["Key"])
    client.put_object(Bucket="history", Key=name, Body=b"PAR1")
    with pytest.raises(SourceError, match=r"pos-events\.parquet is not the file that was written"):
        ra.replay(f"{store}/changed", executor="local")
