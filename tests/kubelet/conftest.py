"""A node for the session, with the image on it; skipped with the reason where this machine can't run one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import programs
from tests.cluster.api import Api
from tests.cluster.control_plane import ControlPlane
from tests.cluster.volumes import make_classes
from tests.deploy import tools
from tests.kubelet.images import PAUSE, archive
from tests.kubelet.machine import GROUPS, Machine
from tests.kubelet.names import Names
from tests.kubelet.node import Node, installed_parts

ASKED = os.environ.get("KUBELET") == "1"
# Left out unless you ask for them, as those of `tests/cluster`.
collect_ignore_glob = [] if ASKED else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time of a build."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(3600))


@pytest.fixture(scope="session")
def helm() -> Path:
    return tools.helm("4")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Path, Machine]]:
    """Give the API of a cluster with a real node, the file that tells Helm of it, and the pods' network."""
    try:
        _check_machine()
        parts = installed_parts(programs.kubelet())
        plane_parts = programs.control_plane(), programs.etcd(), tools.openssl()
        images = archive(tmp_path_factory.mktemp("images"))
    except tools.ToolUnavailableError as error:
        pytest.skip(str(error))
    machine = Machine()
    with ExitStack() as stack:
        stack.callback(machine.give_back)
        machine.take()
        plane = ControlPlane(tmp_path_factory.mktemp("cluster"), *plane_parts)
        stack.callback(plane.stop)
        api = plane.start()
        make_classes(api)
        node = Node(tmp_path_factory.mktemp("node"), parts, machine, PAUSE)
        stack.callback(node.stop)
        node.start(api, plane.kubeconfig, images)
        names = Names(api, machine.address)
        names.start()
        stack.callback(names.stop)
        yield api, plane.kubeconfig, machine


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise tools.ToolUnavailableError("a kubelet needs root: call `sudo make kubelet-test`")
    unshare = str(tools.installed("unshare", "util-linux"))
    spaces = [unshare, "--mount", "--pid", "--fork", "--mount-proc", "true"]
    if subprocess.run(spaces, capture_output=True, check=False).returncode:
        raise tools.ToolUnavailableError("this machine lets nobody make namespaces")
    if not (GROUPS / "memory").is_dir() and not (GROUPS / "cgroup.controllers").exists():
        raise tools.ToolUnavailableError(f"no control groups in {GROUPS}")
