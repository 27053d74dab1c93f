"""The connector and the table of docs/kafka-connect.md are those of the code."""

from __future__ import annotations

import re

from helm.kafka_connect import EVIDENCE, FILES, FOLDER


def test_the_files_are_up_to_date():
    stale = [name for name, write in FILES.items() if (FOLDER / name).read_text() != write()]
    assert stale == [], "run: make docs"


def test_the_page_names_each_field_of_the_evidence():
    page = (FOLDER.parents[1] / "docs" / "kafka-connect.md").read_text()
    (sentence,) = re.findall(r"The evidence fields are (.+?)\. ", page)
    assert re.findall(r"`(\w+)`", sentence) == list(EVIDENCE)
