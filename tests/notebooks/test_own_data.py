"""The notebooks run on a reader's data: two days of a real shop, which has neither cashiers nor a truth."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from retail_anomaly.frames.notebook_data import Skipped
from tests.notebooks.source import ROOT, Notebook

DATA = ROOT / "notebooks" / "data"
DAYS = pd.Timestamp("2011-10-10"), pd.Timestamp("2011-10-12")
READY = ["00_quickstart"]
"""The notebooks that take `source`; the values of the parameters are those of a reader in a hurry."""


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shop = pd.read_parquet(DATA / "online_retail_2011_10.parquet")
    path = tmp_path_factory.mktemp("shop") / "two_days.parquet"
    shop[pd.to_datetime(shop["eventTime"], unit="ms").between(*DAYS)].to_parquet(path)
    return path


@pytest.mark.parametrize("name", READY)
def test_a_notebook_proves_a_claim_about_the_readers_data(name, two_days, monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    shown = Notebook(ROOT / "notebooks" / f"{name}.ipynb").run(
        source=str(two_days), mapping="data/online_retail.yaml", zone="Europe/London"
    )
    assert any(isinstance(value, Skipped) for value in shown.values()), "nothing is said to be skipped"
    assert isinstance(list(shown.values())[-1], str), "the last cell asserts, and says what it has proved"
