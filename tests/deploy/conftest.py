"""Programs as fixtures: absent, they skip a test with the reason; in CI they fail it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import IN_CI
from tests.deploy import tools


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give each test time to fetch, build or install a program that it is the first to use."""
    item.add_marker(pytest.mark.timeout(900))


def available(find: Callable[[], Path]) -> Path:
    """Return a program; skip the test where it can't be had, and fail it in CI."""
    try:
        return find()
    except tools.ToolUnavailableError as error:
        if IN_CI:
            pytest.fail(f"CI must have it: {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["3", "4"], ids=["helm3", "helm4"])
def either_helm(request: pytest.FixtureRequest) -> Path:
    """Give Helm 3, then Helm 4."""
    return available(lambda: tools.helm(request.param))


@pytest.fixture(scope="session")
def helm() -> Path:
    """Give Helm 3; a test compares Helm 4's output with it."""
    return available(lambda: tools.helm("3"))


@pytest.fixture(scope="session")
def checkov() -> Path:
    return available(tools.checkov)


@pytest.fixture(scope="session")
def kubeconform() -> Path:
    return available(tools.kubeconform)


@pytest.fixture(scope="session")
def promtool() -> Path:
    return available(tools.promtool)


@pytest.fixture(scope="session")
def openssl() -> Path:
    return available(tools.openssl)


@pytest.fixture(scope="session")
def compose_schema() -> Path:
    return available(tools.compose_schema)
