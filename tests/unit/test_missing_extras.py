"""In Python a missing optional dependency is our error, with the line that says how to install it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.extras import MissingExtraError, extra_imports

USES = {
    "river": [
        "from retail_anomaly.models.estimators import RefundEstimator",
        "from retail_anomaly.models import river_choice; river_choice.RiverChoice('river.anomaly.X').make()",
    ],
    "holidays": ["from retail_anomaly.settings import StoreSettings; StoreSettings(closed=('DE',))"],
    "optuna": ["from retail_anomaly.tune import tune", "from retail_anomaly.tune import Tuning"],
    "pyarrow": ["from retail_anomaly import replay; replay('tills.parquet')"],
    "confluent_kafka": ["from streamer.notebook import KafkaFeed"],
    "ipywidgets": [
        "from streamer.notebook import Board",
        "from retail_anomaly.cli.review.case_desk import CaseDesk",
    ],
}


CODE = """
import sys
from retail_anomaly import RetailAnomalyError
for module, uses in {uses}.items():
    sys.modules[module] = None
    for use in uses:
        try:
            exec(use)
        except ImportError as error:
            print(isinstance(error, RetailAnomalyError), error)
"""


def test_each_use_names_the_extra_in_one_line(tmp_path):
    (tmp_path / "tills.parquet").touch()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE.format(uses=USES)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = [module.replace("_", "-") for module, uses in USES.items() for _ in uses]
    for line, module in zip(done.stdout.splitlines(), wanted, strict=True):
        assert line.startswith(f"True {module} is not installed: pip install 'retail-anomaly[")


def test_it_is_an_import_error_too():
    with pytest.raises(ImportError) as caught, extra_imports():
        raise ModuleNotFoundError("No module named 'river'", name="river")
    assert isinstance(caught.value, MissingExtraError)
    assert isinstance(caught.value, UsageError)
    assert caught.value.name == "river"


def test_a_module_that_is_none_of_ours_stays_a_plain_error():
    with pytest.raises(ModuleNotFoundError, match="antigravity2"), extra_imports():
        raise ModuleNotFoundError("No module named 'antigravity2'", name="antigravity2")
