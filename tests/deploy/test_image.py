"""What the image adds to its base."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from tests.deploy.chart import ROOT
from tests.deploy.image import board_libraries, make_image, size_mb
from tests.support.waiting import PATIENCE_S

MOST_MB = 200
# It installs all that the image has.
pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("source"))


def test_the_image_is_at_most_so_much_larger_than_its_base(environment):
    assert size_mb(environment) <= MOST_MB


def test_the_tests_of_others_are_not_in_it(environment):
    assert not list(environment.rglob("tests"))


def test_the_board_gets_the_libraries_of_the_package_and_of_its_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = _names([*project["dependencies"], *project["optional-dependencies"]["review"]])
    in_each_image = _names((ROOT / "streamer" / "requirements.txt").read_text().splitlines())
    assert set(board_libraries().split()) == needed - in_each_image


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=]", line)[0] for line in requirements if not line.startswith("#")}


@pytest.mark.parametrize("command", ["retail-anomaly", "retail-streamer", "retail-datagen"])
def test_a_command_starts_without_them(environment, command):
    program = [str(environment / "bin" / "python"), "-I", str(environment / "bin" / command), "--help"]
    assert subprocess.run(program, capture_output=True, check=False, timeout=PATIENCE_S).returncode == 0
