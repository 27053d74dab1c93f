"""A day of a chain on a real node: killed, frozen, upgraded, and equal to its replay."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from retail_anomaly.cli.review.access import Rules
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.replay import replay
from tests.cluster.api import Api
from tests.cluster.release import Release
from tests.influx import InfluxServer, InfluxUnavailableError
from tests.influx.server import TOKEN
from tests.kafka import KafkaServer, Record, consume, produce
from tests.kubelet.machine import Machine
from tests.kubelet.shop import VALUES, Shop, ends_in_time
from tests.support.events import MINUTE, T0, refund
from tests.support.open_board import OpenBoard
from tests.support.proxy import Proxy
from tests.support.services import WebService, self_signed

STREAMERS = tuple(f"shops-retail-anomaly-streamer-{number}" for number in range(2))
ROLES = ("streamer", "store-metrics", "returns", "triage", "sink", "notify", "board")
OFFICE_KEY = "whsec_" + base64.b64encode(bytes(32)).decode()
# After the generated day, and near enough to it for the stores' clocks.
NEXT_MORNING = int(datetime(2026, 1, 6, 8, tzinfo=UTC).timestamp() * 1000) - T0


@pytest.fixture(scope="module")
def shop(
    cluster: tuple[Api, Path, Machine],
    helm: Path,
    kafka_server: Callable[..., KafkaServer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """Give a release whose day is in Kafka; the streamers have not begun."""
    api, kubeconfig, machine = cluster
    influx = InfluxServer(tmp_path_factory.mktemp("influx"))
    with ExitStack() as stack:
        # Pods reach nothing of the loopback interface.
        doors = [stack.enter_context(closing(Proxy(host=machine.address))) for _ in range(3)]
        kafka = kafka_server(doors=doors[:1])
        stack.callback(influx.kill)
        try:
            doors[1].target = influx.start().url.removeprefix("http://")
        except InfluxUnavailableError as error:
            pytest.skip(str(error))
        folder = tmp_path_factory.mktemp("office")
        both = self_signed(folder, machine.address)
        office = stack.enter_context(WebService("webhook", certificate=both))
        doors[2].target = f"127.0.0.1:{office.port}"
        secrets = {
            "influxdb": {"INFLUXDB_TOKEN": TOKEN},
            "office": {"OFFICE_URL": f"https://{doors[2].address}/alerts", "OFFICE_KEY": OFFICE_KEY},
            "authority": {"certificate.pem": (folder / "certificate.pem").read_text()},
        }
        release = Release(api, helm, kubeconfig, secrets)
        stack.callback(release.remove)
        here = Shop(
            api,
            release,
            kafka.address,
            influx,
            office,
            f"config.streamer.broker={doors[0].address}",
            f"influxdb.url=http://{doors[1].address}",
        )
        here.generate()
        yield here


def test_the_alerts_of_a_day_equal_a_replay_though_pods_are_killed(shop: Shop, tmp_path: Path) -> None:
    expected = _replayed(tmp_path)

    shop.begin()
    at_kill = shop.wait_until_processed(0.01)
    shop.send(STREAMERS[0], signal.SIGKILL)
    shop.release.delete("v1/pods", STREAMERS[1])

    shop.release.wait(lambda: shop.alerts() == expected)
    shop.upgrade()  # waits until all is ready again
    assert shop.restarts(STREAMERS[0]) == 1
    print(f"{len(expected)} alerts in the database; {at_kill:.0%} of the day was processed at the kill")


def test_the_office_is_told_of_each_alert(shop: Shop) -> None:
    shop.release.wait(lambda: shop.told() >= set(shop.alerts()))
    assert shop.told() == set(shop.alerts())


def test_a_person_judges_a_case_on_the_board(shop: Shop, tmp_path: Path) -> None:
    person = {"X-Forwarded-User": "anna"}
    board = OpenBoard(8090, Rules("nobody", "X-Forwarded-User"), tmp_path, shop.address("board"))
    assert board.ask("/")[0] == 401  # nobody has signed in

    case = board.case(person)
    verdict = {"action": "verdict", "verdict": "benign", "reason": "a stocktake"}
    assert board.ask(case, verdict, person)[0] == 303

    assert "a stocktake" in board.ask(case, headers=person)[1]
    (decision,) = consume(shop.kafka, "alert-actions", at_least=1)
    assert json.loads(decision.value or b"")["by"] == "anna"
    shop.release.wait(lambda: _closed(shop) == {case.removeprefix("/case/")})


def test_the_tests_of_helm_pass(shop: Shop) -> None:
    shop.release.passes_its_tests()


def test_the_kubelet_finds_a_process_that_hangs(shop: Shop) -> None:
    shop.send(STREAMERS[0], signal.SIGSTOP)
    shop.release.wait(lambda: not shop.is_ready(STREAMERS[0]))

    shop.send(STREAMERS[0], signal.SIGCONT)
    shop.release.wait(lambda: shop.is_ready(STREAMERS[0]))


def test_an_upgrade_rolls_a_changed_configuration_out(shop: Shop) -> None:
    shop.upgrade()
    before = shop.release.pods()
    _refund_twice(shop, "before")
    shop.wait_until_processed()

    shop.upgrade("config.detectors.refund_burst.count=2")
    _refund_twice(shop, "after")

    shop.release.wait(lambda: "after" in shop.employees("REFUND_BURST"))
    assert "before" not in shop.employees("REFUND_BURST")
    after = shop.release.pods()
    assert not [name for name in STREAMERS if before[name] == after[name]]


@pytest.mark.parametrize("role", ROLES)
def test_a_process_ends_within_five_seconds(shop: Shop, role: str) -> None:
    pod = shop.release.running(role)[0]["metadata"]["name"]
    before = shop.restarts(pod)

    assert ends_in_time(shop.send(pod, signal.SIGTERM))

    shop.release.wait(lambda: shop.restarts(pod) == before + 1)
    assert shop.exit_code(pod) == 0


def _closed(shop: Shop) -> set[str]:
    """Return the cases that triage has closed."""
    cases = [json.loads(record.value or b"") for record in consume(shop.kafka, "alert-cases")]
    return {case["caseId"] for case in cases if case["state"] == "closed"}


def _refund_twice(shop: Shop, cashier: str) -> None:
    events = [
        refund(
            NEXT_MORNING + number * MINUTE,
            store_id="store-1",
            cashier_id=cashier,
            transaction_id=f"{cashier}-{number}",
            amount=190.0,
        )
        for number in range(2)
    ]
    records = [Record(topic_of(e), encode(e), e.store_id.encode(), e.event_time) for e in events]
    produce(shop.kafka, records)


def _replayed(folder: Path) -> dict[str, int]:
    """Return the last revision of each alert that a notebook finds in the generator's day."""
    day = yaml.safe_load(VALUES.read_text())["generator"]
    options = {
        "--stores": day["stores"],
        "--days": day["days"],
        "--start": day["start"],
        "--incident-rate": day["incidentRate"],
        "--seed": 7,
        "--out": folder,
    }
    command = [sys.executable, "-m", "data_gen", "write"]
    command += [str(part) for pair in options.items() for part in pair]
    subprocess.run(command, check=True, capture_output=True)
    found = replay(folder / "events.jsonl").alerts
    assert len(found) > 50
    return {str(alert): int(last) for alert, last in found.groupby("alert_id")["revision"].max().items()}
