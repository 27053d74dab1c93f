"""A simulated world that began days ago and goes on in real time, sent while the streamer reads."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice

from data_gen import Simulation
from retail_anomaly.core.codec import encode
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import consume, fresh_name
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in, by_key
from tests.support.waiting import PATIENCE_S


def test_days_sent_in_a_moment_raise_the_alerts_of_a_replay_and_none_is_of_the_future(clean_kafka, tmp_path):
    ensure_topics(clean_kafka, TopicPlan(3, 1, 3650 * 86_400_000), create=True)
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path)
    streamer.wait_until_running()
    address = clean_kafka.properties()["bootstrap.servers"]

    today = datetime.now(UTC).date()
    command = [sys.executable, "-m", "data_gen", "stream", "--broker", address, "--history", "2", "--resume"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as generator:
        assert generator.stdout is not None
        said = generator.stdout.readline()
        generator.send_signal(signal.SIGINT)
        generator.communicate(timeout=PATIENCE_S)
    streamer.wait_until_processed()
    streamer.stop()

    sent = int(said.split()[0].replace(",", ""))
    world = Simulation(stores=3, days=3, start=today - timedelta(days=2)).events()
    wanted = by_key(
        json.loads(encode(alert)) for alert in replay_events(islice(world, sent), build_engine(Settings()))
    )
    raised = alerts_in(address)
    assert {alert["type"] for alert in wanted.values()} >= {"REFUND_BURST", "SECURITY_CORRELATION"}
    # A sale at this very moment may have come between the last of the past and the stop.
    assert {key: raised.get(key) for key in wanted} == wanted
    now = datetime.now(UTC).timestamp() * 1000
    stamps = [record.timestamp or now for record in consume(address, ["pos-events", "security-events"])]
    assert max(stamps) <= now
