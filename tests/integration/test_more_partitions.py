"""The page about more partitions leads to topics that the streamer's own check accepts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from streamer import cli
from streamer.kafka.topic_plan import TOPICS
from tests.support.faults import wait_for
from tests.support.waiting import PATIENCE_S

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
SECTION = PAGE.partition("## More partitions")[2].partition("\n## ")[0]


def test_the_pages_steps_lead_to_topics_that_the_check_accepts(clean_kafka, tmp_path, capsys):
    address = clean_kafka.properties()["bootstrap.servers"]
    assert cli.main(["topics", "--create", "--broker", address, "--partitions", "3"]) == 0

    loop = re.search(r"for topic in (.+?); do", SECTION, re.DOTALL)
    assert loop
    topics = loop[1].replace("\\", " ").split()
    admin = AdminClient({"bootstrap.servers": address})  # its futures end with it
    futures = admin.create_partitions([NewPartitions(topic, 24) for topic in topics])
    for future in futures.values():
        future.result(PATIENCE_S)

    def known() -> bool:
        found = admin.list_topics(timeout=PATIENCE_S).topics
        return all(len(found[topic].partitions) == 24 for topic in topics)

    wait_for(known, "the new partitions")
    setting = re.search(r"`(streamer\.topics\.partitions): (\d+)`", SECTION)
    assert setting
    config = tmp_path / "config.yaml"
    config.write_text(f"streamer: {{broker: '{address}', topics: {{partitions: {setting[2]}}}}}")
    capsys.readouterr()

    assert cli.main(["topics", "--check", "--config", str(config)]) == 0
    assert set(topics) == set(TOPICS)


@pytest.mark.parametrize("process", ["run", "metrics", "triage", "notify", "returns", "sink"])
def test_the_page_names_each_process(process):
    assert f"`{process}`" in SECTION
