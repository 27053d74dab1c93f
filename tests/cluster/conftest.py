"""A control plane for the session, and Helm that talks to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import programs
from tests.cluster.api import Api
from tests.cluster.control_plane import ControlPlane
from tests.cluster.nodes import Nodes
from tests.cluster.release import Release
from tests.deploy import tools

ASKED = os.environ.get("CLUSTER") == "1"
# Left out unless you ask for them: the first build takes eight minutes of CPU.
collect_ignore_glob = [] if ASKED else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time of a build."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Path]]:
    """Give the API of a cluster with nodes and custom resources, and the file that tells Helm of it."""
    program, etcd, openssl = programs.control_plane(), programs.etcd(), tools.openssl()
    cluster = ControlPlane(tmp_path_factory.mktemp("cluster"), program, etcd, openssl)
    try:
        api = cluster.start()
        for definition in programs.definitions():
            api.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        for name in ("important", "shops"):  # the names in `ci/`
            made = {"metadata": {"name": name}, "value": 1000}
            api.call("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", made)
        nodes = Nodes(api)
        nodes.start()
        yield api, cluster.kubeconfig
        nodes.stop()
    finally:
        cluster.stop()


@pytest.fixture(scope="session", params=["3", "4"], ids=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> Path:
    """Give Helm 3, then Helm 4."""
    return tools.helm(request.param)


@pytest.fixture
def release(plane: tuple[Api, Path], helm: Path, request: pytest.FixtureRequest) -> Iterator[Release]:
    """Give a namespace of its own for one release, with the restricted pod security standard enforced."""
    api, kubeconfig = plane
    made = Release(api, helm, kubeconfig)
    yield made
    made.remove()
