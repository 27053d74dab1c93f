"""The settings of the routes, and `ra.notify`, which sends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import retail_anomaly as ra
from retail_anomaly.core.codec import encode
from retail_anomaly.settings import Settings, SettingsError, load_settings
from tests.unit.notifications.notices import HOUR, an_alert, at

CONFIG = """
stores: {berlin-1: {time_zone: Europe/Berlin}, tokyo-1: {time_zone: Asia/Tokyo}}
notify:
  link: https://board.example/alert/{alertId}
  routes:
    duty: {service: pagerduty, address: DUTY_KEY, severity: critical}
    office: {service: email, address: OFFICE_MAIL, digest: ["08:00"], severity: medium}
"""


@pytest.fixture
def settings_of(tmp_path: Path):
    def load(text: str) -> Settings:
        file = tmp_path / "config.yaml"
        file.write_text(text)
        return load_settings(file)

    return load


def test_a_dry_run_says_who_is_told_when(settings_of, tmp_path: Path) -> None:
    time = at("2025-10-09 12:00")
    alerts = [
        an_alert("a", time, 0.99, store_id="berlin-1"),
        an_alert("b", time, 0.6, store_id="tokyo-1"),
        an_alert("c", time + HOUR, 0.6, store_id="berlin-1"),
        an_alert("d", time, 0.2, store_id="berlin-1"),
    ]
    sent = ra.notify(alerts, settings_of(CONFIG))
    assert sent[["route", "service", "local_time", "alert_ids"]].values.tolist() == [
        ["duty", "pagerduty", "12:00", ["a"]],
        ["office", "email", "08:00", ["b"]],
        ["office", "email", "08:00", ["a", "c"]],
    ]
    file = tmp_path / "alerts.jsonl"
    file.write_bytes(b"\n".join(encode(one) for one in alerts))
    assert ra.notify(file, settings_of(CONFIG)).equals(sent)


def test_without_a_route_there_is_nobody_to_tell() -> None:
    with pytest.raises(SettingsError, match="expected a route"):
        ra.notify([])


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("{service: slack}", "routes: r: address: expected the name of the environment variable"),
        (
            "{service: slack, address: 'https://hooks.slack.com/services/T/B/SECRET'}",
            "in capitals: put the address",
        ),
        ("{address: HOOK, key: whsec_SECRET}", "in capitals: put the key itself into the environment"),
        ("{address: HOOK}", "key: expected the name of the environment variable with the key"),
        ("{service: teams, address: T, key: K}", "key: expected nothing for service teams"),
        ("{service: teams, address: T, quiet: ['22-7']}", "quiet: expected hours such as 22:00-07:00"),
        ("{service: teams, address: T, digest: ['8']}", "digest: expected a time such as 08:30, got '8'"),
        ("{service: teams, address: T, max_age: 30d}", "max_age: expected less than notify.memory (30d)"),
        ("{service: sms, address: T}", "service: expected one of webhook, slack, teams, email, pagerduty"),
        ("{service: teams, addres: T}", "unknown key notify.routes.r.addres"),
        ("{service: teams, address: T, limit: -1}", "limit: expected"),
    ],
)
def test_an_impossible_route_is_one_line_that_names_it_and_no_secret(
    settings_of, route: str, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_of(f"notify: {{routes: {{r: {route}}}}}")
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert "SECRET" not in message


def test_a_route_needs_a_plain_name(settings_of) -> None:
    with pytest.raises(SettingsError, match="routes: A/b: expected a name of small letters"):
        settings_of("notify: {routes: {A/b: {service: teams, address: T}}}")
