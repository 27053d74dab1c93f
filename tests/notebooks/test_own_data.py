"""The notebooks run on a reader's data: two days of a real shop, which has neither cashiers nor a truth."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from retail_anomaly.frames.notebook_data import Skipped
from tests.notebooks.source import PATHS, ROOT, Notebook

DATA = ROOT / "notebooks" / "data"
DAYS = pd.Timestamp("2011-10-10"), pd.Timestamp("2011-10-12")
WITHOUT_TRUTH = {"60_live"}
"""Notebooks all of which any data can fill."""
HURRY = {"held_out": 1, "seconds": 1, "most": 500, "zone": "Europe/London"}
"""Parameters of a reader in a hurry, for the notebooks that have them."""


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shop = pd.read_parquet(DATA / "online_retail_2011_10.parquet")
    path = tmp_path_factory.mktemp("shop") / "two_days.parquet"
    shop[pd.to_datetime(shop["eventTime"], unit="ms").between(*DAYS)].head(3_000).to_parquet(path)
    return path


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_proves_a_claim_about_the_readers_data(path, two_days, monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    notebook = Notebook(path)
    hurry = {name: value for name, value in HURRY.items() if name in notebook.names}
    shown = notebook.run(source=str(two_days), mapping="data/online_retail.yaml", **hurry)
    skipped = [str(value) for value in shown.values() if isinstance(value, Skipped)]
    assert skipped or path.stem in WITHOUT_TRUTH, "nothing is said to be skipped"
    assert isinstance(list(shown.values())[-1], str), "the last cell asserts, and says what it has proved"
