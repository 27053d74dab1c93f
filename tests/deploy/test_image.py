"""What the image adds to its base."""

from __future__ import annotations

import subprocess

import pytest

from tests.deploy.image import make_image, size_mb

MOST_MB = 200


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return make_image(tmp_path_factory.mktemp("source"))


def test_the_image_is_at_most_so_much_larger_than_its_base(environment):
    assert size_mb(environment) <= MOST_MB


def test_the_tests_of_others_are_not_in_it(environment):
    assert not list(environment.rglob("tests"))


@pytest.mark.parametrize("command", ["retail-anomaly", "retail-streamer", "retail-datagen"])
def test_a_command_starts_without_them(environment, command):
    program = [str(environment / "bin" / "python"), "-I", str(environment / "bin" / command), "--help"]
    assert subprocess.run(program, capture_output=True, check=False, timeout=120).returncode == 0
