"""Fixtures of all tests: the real Kafka, the order of tests, Hypothesis' settings."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from retail_anomaly.core.registry import own_detectors, unregister
from tests.kafka import KafkaServer, KafkaUnavailableError
from tests.support.browser import Browser, find_browser
from tests.support.proxy import Proxy

pytest_plugins = ["tests.hosts"]

ROOT = Path(__file__).parents[1]
# Thousands of collected tests are garbage to nobody. Looking through them while they are made, and ever again
# while they run, takes a quarter of the time of their collection.
gc.disable()
# For the processes that tests start: `tests.support`, and modules that start faster (see tests/light).
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT / "tests" / "light"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
)

# Some images of containers forbid Python to keep compiled modules. Each of the hundreds of processes that the
# tests start would then compile our packages anew, which takes longer than most of them run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell that starts the tests in the background has them ignore Ctrl-C, and `nohup` has them ignore a closed
# terminal. Each process that a test starts would inherit that, and tests that send these signals would hang.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# The folders whose failures are cheapest to learn of come first. Folders that aren't listed come before
# integration; faults, the longest, are last.
ORDER = ("retail_anomaly", "streamer", "data_gen", "unit", "contract", "golden")
# Folders whose tests start servers, browsers and kernels.
SERVICES = {"integration", "notebooks"}
# Folders whose tests try hundreds of inputs, whole worlds or whole charts each.
LONG = {"properties", "privacy", "deploy", "faults"}
# Fixtures that install or build a program with all that it depends on: minutes, the first time.
INSTALLED = {"checkov", "kubeconform"}

# No deadline: a shared machine is slow at times. In CI the examples are always the same, so that red means
# changed code.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
settings.load_profile("ci" if IN_CI else "local")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark the tests that `make check` leaves out, and run the fast ones first.

    The marks come before pytest reads `-m "not service"`, the order comes when every other plugin is done.
    This hook is called for the notebooks and doctests too, which lie outside of this folder.
    """
    for item in items:
        _mark(item)
    yield
    items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Collect garbage from now on, but not among the tests."""
    gc.freeze()
    gc.enable()


def _mark(item: pytest.Item) -> None:
    used = set(getattr(item, "fixturenames", ()))
    if {"kafka", "kafka_server"} & used:
        item.add_marker("kafka")
    # The host of a test is known by its parameter only.
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    served = parameters.get("host") == "embedded" or _folder(item) in SERVICES or INSTALLED & used
    if served or item.get_closest_marker("kafka"):
        item.add_marker("service")
    if _folder(item) in LONG:
        item.add_marker("long")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep that order when several workers share the tests."""
    from tests.support.sharing import InOrder  # not there where pytest-xdist is not installed

    return InOrder(config, log)


def _folder(item: pytest.Item) -> str:
    top, *below = item.path.relative_to(item.config.rootpath).parts
    return below[0] if top == "tests" and len(below) > 1 else top


def _rank(item: pytest.Item) -> int:
    folder = _folder(item)
    if folder == "faults":
        return len(ORDER) + 3
    if item.get_closest_marker("kafka"):
        return len(ORDER) + 2
    if folder in SERVICES:
        return len(ORDER) + 1
    return ORDER.index(folder) if folder in ORDER else len(ORDER)


@pytest.fixture(autouse=True)
def _restored_signals() -> Iterator[None]:
    """Leave the process's handlers of signals as they were, whatever a command sets up within the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) != handler:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _restored_registry() -> Iterator[None]:
    """Forget the detectors that a test, or a notebook within it, has registered."""
    before = set(own_detectors())
    yield
    for name in set(own_detectors()) - before:
        unregister(name)


@pytest.fixture
def restored_log() -> Iterator[None]:
    """Leave the process's loggers as they were, whatever a command sets up within the test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., KafkaServer]]:
    """Make brokers that a test may stop and kill: `kafka_server()`, `kafka_server({"property": "value"})`.

    They are started, keep their data over `stop()`, `kill()` and `start()`, and end with the session at the
    latest.
    """
    servers: list[KafkaServer] = []

    def make(properties: dict[str, str] | None = None, *, doors: Sequence[Proxy] = ()) -> KafkaServer:
        server = KafkaServer(Path(tmp_path_factory.mktemp("kafka")), properties, doors=doors)
        servers.append(server)
        try:
            return server.start()
        except KafkaUnavailableError as error:
            if IN_CI:
                pytest.fail(f"CI must run a real Kafka: {error}", pytrace=False)
            pytest.skip(f"no real Kafka: {error}")

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def kafka(kafka_server: Callable[..., KafkaServer]) -> str:
    """Give the address of a real Kafka that the session shares; name topics with `fresh_name`."""
    return kafka_server().address


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Give a headless Chromium that the session shares: `with browser.open(address) as page`."""
    program = find_browser()
    if program is None:
        if IN_CI:
            pytest.fail("CI must have a Chromium: apt install chromium", pytrace=False)
        pytest.skip("no Chromium on this machine: apt install chromium")
    chromium = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()
