"""`app.yaml` and what it names, as the Quix CLI expects them."""

from __future__ import annotations

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
