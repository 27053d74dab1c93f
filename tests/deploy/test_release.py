"""The release workflow's own commands for the chart, against a registry of this machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.deploy import tools
from tests.deploy.chart import CASES, CHART, RELEASE, ROOT, call
from tests.deploy.conftest import available
from tests.deploy.image import board_libraries
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S, pauses

RELEASED = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
STEPS = {step["name"]: step for step in RELEASED["jobs"]["publish"]["steps"] if "name" in step}
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
INDEX = "application/vnd.oci.image.manifest.v1+json"
# It runs a server.
pytestmark = pytest.mark.service


def test_the_board_is_built_as_the_page_on_deployment_says():
    step = STEPS["Build and push the images, each with an SBOM and the record of its build"]
    assert step["env"]["BOARD"] == board_libraries()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Give the address of an empty registry."""
    program = available(tools.registry)
    (port,) = free_ports(1)
    with (tmp_path / "registry.log").open("wb") as log:
        server = subprocess.Popen([program, "-port", str(port)], stdout=log, stderr=log)
    try:
        rest, deadline = pauses(), time.monotonic() + PATIENCE_S
        while not _answers(port):
            assert server.poll() is None, (tmp_path / "registry.log").read_text()
            assert time.monotonic() < deadline
            next(rest)
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/v2/", timeout=PATIENCE_S):
            return True
    except URLError:
        return False


def _run(step: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the commands of a step as GitHub does, with Helm's `push` by plain HTTP."""
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", STEPS[step]["run"]],
        cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(("tag", "code"), [(f"v{VERSION}", 0), (VERSION, 1), ("v99.0.0", 1)])
def test_only_the_tag_of_the_charts_version_is_released(tag, code):
    assert _run("The tag is the version of the chart", ROOT, GITHUB_REF_NAME=tag).returncode == code


def test_the_chart_is_pushed_and_installed_from_the_registry(either_helm, registry, tmp_path):
    place = f"{registry}/shop/retail-anomaly"
    (tmp_path / "helm").symlink_to(ROOT / "helm")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "helm").write_text(
        f'#!/bin/sh\ntest "$1" = push && set -- "$@" --plain-http\nexec {either_helm} "$@"\n'
    )
    (programs / "helm").chmod(0o755)

    output = tmp_path / "output"
    done = _run(
        "Push the chart", tmp_path, PLACE=place, GITHUB_OUTPUT=str(output), PATH=f"{programs}:/usr/bin:/bin"
    )
    assert done.returncode == 0, done.stderr

    address = f"http://{registry}/v2/shop/retail-anomaly/charts/retail-anomaly/manifests/{VERSION}"
    with urlopen(Request(address, headers={"Accept": INDEX}), timeout=PATIENCE_S) as answer:
        assert output.read_text() == f"digest={answer.headers['Docker-Content-Digest']}\n"
    values = ("--values", str(CASES["external"]))
    pulled = call(
        either_helm,
        *("template", RELEASE, f"oci://{place}/charts/retail-anomaly", "--version", VERSION),
        *("--plain-http", *values),
    )
    assert pulled.returncode == 0, pulled.stderr
    assert pulled.stdout == call(either_helm, "template", RELEASE, str(CHART), *values).stdout
