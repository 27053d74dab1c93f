"""`app.yaml` and the files that it names, as the Quix CLI expects them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "streamer"


def test_app_yaml_names_files_that_are_there():
    app = yaml.safe_load((FOLDER / "app.yaml").read_text())
    assert app["language"] == "python"
    for key in ("dockerfile", "runEntryPoint", "defaultFile"):
        assert (FOLDER / app[key]).is_file()
    for folder in app["includedFolders"]:
        assert (ROOT / folder).is_dir()
    for variable in app["variables"]:
        assert {"name", "inputType", "description", "required"} <= set(variable)


def test_requirements_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = {*project["dependencies"], *project["optional-dependencies"]["streamer"]}
    wanted = [
        line for line in (FOLDER / "requirements.txt").read_text().splitlines() if not line.startswith("#")
    ]
    assert set(wanted) <= known
    assert set(project["optional-dependencies"]["streamer"]) <= set(wanted)


def test_requirements_are_enough_for_the_commands_of_an_image():
    """Dependencies that the list leaves out are hidden: pandas, plotly and others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = (FOLDER / "requirements.txt").read_text().splitlines()
    hidden = [re.split(r"[<>=]", need)[0].lower() for need in project["dependencies"] if need not in listed]
    hidden.remove("rich")  # comes with typer
    assert "pandas" in hidden
    # Import every module of the streamer, and those of the generator that send to Kafka. Parquet and the
    # board are for analysts.
    script = f"""
import importlib, pkgutil, sys
for name in {hidden}:
    sys.modules[name] = None
for module in pkgutil.walk_packages(importlib.import_module("streamer").__path__, "streamer."):
    if not module.name.endswith(("__main__", ".main", ".board", ".case_topics", ".topic_receipts")):
        importlib.import_module(module.name)
for name in ("data_gen.cli", "data_gen.simulate", "data_gen.kafka", "retail_anomaly.cli"):
    importlib.import_module(name)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
