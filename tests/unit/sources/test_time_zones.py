"""The zone of times that have none: named for all stores or for each, or assumed aloud."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly import plots
from retail_anomaly.cli import main
from retail_anomaly.settings.store_settings import StoreSettings

ROW = {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 9.5, "eventType": "SALE",
       "eventTime": "2025-10-09 10:30"}  # fmt: skip
SAID = "times without a zone were read as UTC"


def csv(folder, *rows: dict[str, Any]) -> str:
    pd.DataFrame(rows).to_csv(folder / "a.csv", index=False)
    return str(folder / "a.csv")


LOCAL: dict[str, Any] = {
    "text": ROW["eventTime"],
    "timestamp": pd.Timestamp("2025-10-09 10:30"),
    "day": pd.Timestamp("2025-10-09").date(),
}


@pytest.mark.parametrize("form", LOCAL)
def test_times_without_a_zone_are_said_to_be_read_as_utc(form: str) -> None:
    rows = pd.DataFrame([{**ROW, "transactionId": n, "eventTime": LOCAL[form]} for n in "123"])
    assert str(ra.load(rows).summary).count(SAID) == 1
    assert " ".join(ra.replay(rows, progress=False).remarks).count(SAID) == 1


@pytest.mark.parametrize(
    "time", [1_760_000_000_000, "2025-10-09T10:30Z", pd.Timestamp("2025-10-09", tz="Asia/Tokyo")]
)
def test_times_that_have_a_zone_are_not_spoken_of(time: Any) -> None:
    rows = pd.DataFrame([{**ROW, "eventTime": time}])
    assert SAID not in str(ra.load(rows).summary)
    assert SAID not in " ".join(ra.replay(rows, progress=False).remarks)


def of_store(store: str, zone: str) -> ra.Settings:
    return ra.Settings(stores={store: StoreSettings(time_zone=zone)})


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_zone_that_somebody_named_is_not_spoken_of(zone: str) -> None:
    for events in (ra.load([ROW], zones=zone), ra.load([ROW], zones={"s": zone}),
                   ra.load([ROW], mapping={"time_zone": zone})):  # fmt: skip
        assert SAID not in str(events.summary)
    assert SAID not in " ".join(ra.replay([ROW], settings=of_store("s", zone), progress=False).remarks)


def test_a_store_without_a_zone_beside_one_that_has_it_is_spoken_of() -> None:
    rows = [ROW, {**ROW, "storeId": "other"}]
    for settings in (of_store("s", "UTC"), of_store("s", "Asia/Tokyo")):
        assert SAID in " ".join(ra.replay(rows, settings=settings, progress=False).remarks)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_summary_of_a_command_says_it_once_and_strict_does_not_fail(tmp_path, capsys, jobs: str) -> None:
    path = csv(tmp_path, ROW, {**ROW, "storeId": "other"})
    assert main(["replay", path, "--strict", "--jobs", jobs]) == 0
    assert capsys.readouterr().err.count(SAID) == 1
    assert main(["convert", path, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err.count(SAID) == 1


WRONG = {
    "unknown": "Europe/Berlim",
    "of a store": {"s": "Berlin"},
    "of all stores as a store": {"*": "Europe/Berlin"},
    "a number": {"s": 1},
}


@pytest.mark.parametrize("zones", WRONG.values(), ids=WRONG)
def test_a_wrong_zone_is_one_line(zones: Any) -> None:
    alerts = ra.replay([{**ROW, "eventType": "REFUND"}], progress=False).alerts
    for function in (ra.load, ra.data_quality, plots.sales_by_hour, plots.pos_frame):
        with pytest.raises(ra.RetailAnomalyError, match=r"expected an IANA name|is no store"):
            function([ROW], zones=zones)
    for events in (None, plots.pos_frame([ROW])):
        with pytest.raises(ra.RetailAnomalyError, match=r"expected an IANA name|is no store"):
            plots.timeline(alerts, events, zones=zones)


CONFIGURED = {
    'stores: {"*": {time_zone: Europe/Berlin}}': "stores: '*' is one store, not all of them: list each store",
    "stores: {'shop-*': {time_zone: Europe/Berlin}}": "'shop-*' is one store, not all of them",
    "time_zone: Europe/Berlin": "key time_zone; each store has its own: stores: {ID: {time_zone: ...}}",
    "timezone: Europe/Berlin": "each store has its own: stores: {ID: {time_zone: ...}}",
    "tz: Europe/Berlin": "each store has its own: stores: {ID: {time_zone: ...}}",
    "closed: [DE]": "each store has its own: stores: {ID: {closed: ...}}",
    "stores: {time_zone: Europe/Berlin}": "each store has its own: stores: {ID: {time_zone: ...}}",
    "stores: {s: {timezone: Europe/Berlin}}": "unknown key stores.s.timezone; did you mean time_zone?",
    "stores: {s: {time_zone: Berlin}}": "stores.s.time_zone: expected an IANA name",
    "stores: {s: Europe/Berlin}": "stores.s: expected keys below it",
}


@pytest.mark.parametrize("text", CONFIGURED)
def test_a_zone_in_the_wrong_place_of_a_configuration_is_one_line(tmp_path, capsys, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    assert main(["replay", csv(tmp_path, ROW), "--config", str(tmp_path / "c.yaml")]) == 2
    said = capsys.readouterr().err
    assert CONFIGURED[text] in said
    assert said.count("\n") == 1


def test_a_setting_of_a_store_as_a_dict_is_one_line() -> None:
    wrong: Any = {"s": {"time_zone": "Europe/Berlin"}}
    with pytest.raises(ra.SettingsError, match="stores: s: expected StoreSettings, got dict"):
        ra.Settings(stores=wrong)
