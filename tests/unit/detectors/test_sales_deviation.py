from __future__ import annotations

import random
from datetime import date
from typing import Any

import msgspec
import pytest

from retail_anomaly.contract import Run, Step, TimePasses
from retail_anomaly.core.events import PosEvent
from retail_anomaly.detectors.sales_deviation import SalesDeviationParameters
from retail_anomaly.replay import Replay
from retail_anomaly.settings import DetectorSettings, Settings, StoreSettings, build_engine
from tests.support.events import DAY, HOUR, MINUTE
from tests.support.runs import alerts_of, engine_of
from tests.support.usual import MONDAY, STORE, weeks

QUARTER = 15 * MINUTE
EPOCH = date(1970, 1, 1).toordinal()


def drops(alerts):
    return [alert for alert in alerts if alert.evidence["direction"] == "drop"]


def trade(days, level, seed=3, opens=9, closes=17):
    """Yield days of nine to five with about `level` receipts a quarter."""
    rng = random.Random(seed)
    for day in range(days):
        for at in range(opens * HOUR, closes * HOUR, QUARTER):
            for n in range(level(day) + rng.randint(-2, 2)):
                time = MONDAY + day * DAY + at + n * 20_000
                yield PosEvent(f"t-{day}-{at}-{n}", STORE, "c-1", "sku", 9.0, "SALE", time)


def without_sales(events, start, end):
    return [event for event in events if not start <= event.event_time < end]


@pytest.mark.parametrize("resumes", [True, False], ids=["", "for good"])
def test_a_silent_store_alerts_within_half_an_hour_although_no_event_of_it_comes(resumes):
    """Other stores' events let time pass in a replay."""
    noon = MONDAY + 35 * DAY + 12 * HOUR
    events = without_sales(trade(36, lambda day: 12), noon, noon + (2 if resumes else 24) * HOUR)
    other = [
        PosEvent(f"o-{n}", store, "c", "sku", 1.0, "SALE", noon + n * 5 * MINUTE)
        for n in range(-1, 12)
        for store in ("store-other", "store-another")
    ]
    merged = sorted([*events, *other], key=lambda event: event.event_time)
    seen = []
    replay = Replay(build_engine(Settings(), ["sales_deviation"]))

    def noting():
        for event in merged:
            seen.append(event.event_time)
            yield event

    for alert in replay.alerts(noting()):
        if alert.evidence["direction"] == "drop":
            break
    assert alert.store_id == STORE
    assert noon < alert.event_time <= noon + 30 * MINUTE
    assert seen[-1] <= noon + 35 * MINUTE  # it alerts then, and not when the store's next event comes
    evidence = alert.evidence
    assert evidence["start"] < evidence["end"] == alert.event_time
    assert evidence["observed"] < evidence["lower"] <= evidence["expected"]
    assert replay.held == 0


def test_ticks_change_no_alert_but_only_when_it_comes():
    ticked: list[Step] = []
    last = 0
    for event in weeks():
        time = getattr(event, "event_time", None)
        if time is not None:
            ticked += [
                TimePasses(STORE, at) for at in range(last // MINUTE * MINUTE, time, 7 * MINUTE) if last
            ]
            last = time
        ticked.append(event)
    assert alerts_of(engine_of("sales_deviation"), *ticked) == alerts_of(
        engine_of("sales_deviation"), *weeks()
    )


def test_nothing_alerts_before_the_store_is_known_and_the_reason_can_be_asked():
    engine = engine_of("sales_deviation", learn_days=32)
    run = Run(engine)
    alerts = [alert for event in weeks() for alert in run.step(event)]
    assert [a for a in alerts if a.event_time < MONDAY + 32 * DAY] == []
    detector = engine.detectors[0]
    assert detector.why_silent(detector.new_state()) == "learned 0 of 32 days"  # type: ignore[attr-defined]
    assert detector.why_silent(run.store(STORE).detectors[detector.name]) is None  # type: ignore[attr-defined]


def test_message_tells_the_stores_own_time():
    settings = Settings(stores={STORE: StoreSettings(time_zone="Europe/Berlin")})
    engine = build_engine(settings, ["sales_deviation"])
    alert = drops(alerts_of(engine, *weeks()))[0]
    assert " and 13:30 on" in alert.message
    assert "2025-12-03" in alert.message
    assert "fewer sales than usual" in alert.message


def test_a_lasting_change_of_level_is_learned_within_days():
    engine = engine_of("sales_deviation")
    alerts = alerts_of(engine, *trade(60, lambda day: 12 if day < 35 else 5))
    by_day = {(alert.event_time - MONDAY) // DAY for alert in drops(alerts)}
    assert 35 in by_day
    assert not {day for day in by_day if day >= 41}
    assert alerts_of(engine_of("sales_deviation"), *trade(34, lambda day: 12)) == []


def test_a_holiday_is_told_and_changes_nothing_of_the_days_after_it():
    """If three days without a sale became the level, the next days would be spikes."""
    holiday = range(37, 40)
    events = [
        event for event in trade(50, lambda day: 12) if (event.event_time - MONDAY) // DAY not in holiday
    ]
    alerts = alerts_of(engine_of("sales_deviation"), *events)
    days = {(alert.event_time - MONDAY) // DAY for alert in alerts}
    assert set(holiday) <= days
    assert days <= set(holiday)


def test_a_store_that_does_not_open_again_after_a_long_weekend_is_told_for_two_weeks():
    """After them it is closed for good, or nobody listens to it any more."""
    events = without_days(trade(70, lambda day: 12), range(37, 65))
    alerts = alerts_of(engine_of("sales_deviation"), *events)
    assert days_of(drops(alerts)) == {*range(37, 51)}
    assert days_of(alerts) == {*range(37, 51)}


def test_a_store_that_opens_on_saturdays_only_alerts_on_no_day_between_them():
    between = {day for day in range(70) if day % 7 != 5}
    alerts = alerts_of(engine_of("sales_deviation"), *without_days(trade(70, lambda day: 12), between))
    assert not alerts


def date_of(day):
    return date.fromordinal(EPOCH + (MONDAY // DAY) + day).isoformat()


def days_of(alerts):
    return {(alert.event_time - MONDAY) // DAY for alert in alerts}


def alerts_of_store(events, **given):
    settings = Settings(stores={STORE: StoreSettings(**given)})
    return alerts_of(build_engine(settings, ["sales_deviation"]), *events)


def without_days(events, days):
    return [event for event in events if (event.event_time - MONDAY) // DAY not in days]


@pytest.mark.parametrize("key", ["closed", "holidays"])
def test_days_without_a_sale_that_the_configuration_names_alert_nobody_and_hide_no_outage(key):
    noon = MONDAY + 40 * DAY + 12 * HOUR
    events = without_days(without_sales(trade(41, lambda day: 12), noon, noon + HOUR), range(37, 40))
    alerts = alerts_of_store(events, **{key: [f"{date_of(37)}/{date_of(39)}"]})
    assert days_of(alerts) == {40}
    assert noon < alerts[0].event_time <= noon + 30 * MINUTE


@pytest.mark.parametrize(
    ("on_holiday", "told"), [(range(9, 12), set()), (range(9, 20), set()), (range(11, 15), {37})]
)
def test_a_holiday_sells_at_least_what_a_sunday_sells(on_holiday, told):
    """It may sell more, but a store that sold and goes silent in Sunday's hours alerts."""

    def is_open(event):
        day, time = divmod(event.event_time - MONDAY, DAY)
        hours = on_holiday if day == 37 else range(9, 12) if day % 7 == 6 else range(9, 17)
        return time // HOUR in hours

    events = [event for event in trade(41, lambda day: 12, opens=9, closes=20) if is_open(event)]
    if told:
        late = MONDAY + 37 * DAY + 9 * HOUR
        events += [PosEvent("first", STORE, "c-1", "sku", 9.0, "SALE", late)]
        events.sort(key=lambda event: event.event_time)
    assert days_of(alerts_of_store(events, holidays=[date_of(37)])) == told
    if on_holiday != range(9, 17):
        assert 37 in days_of(alerts_of_store(events))


def test_wrong_prices_are_told_on_a_holiday_too():
    def of(event):
        day, time = divmod(event.event_time - MONDAY, DAY)
        return msgspec.structs.replace(event, amount=0.9) if day == 37 and time > 12 * HOUR else event

    alerts = alerts_of_store(map(of, trade(41, lambda day: 12)), holidays=[date_of(37)])
    assert [alert.evidence["component"] for alert in alerts if alert.revision == 1][:1] == ["price"]


def test_a_river_detector_is_not_asked_on_a_holiday():
    river = SalesDeviationParameters(enabled=True, model="river.anomaly.GaussianScorer", learn_days=14)

    def told(holidays):
        stores = {STORE: StoreSettings(holidays=holidays)}
        settings = Settings(detectors=DetectorSettings().replaced({"sales_deviation": river}), stores=stores)
        engine = build_engine(settings, ["sales_deviation"])
        return days_of(alerts_of(engine, *trade(18, lambda day: 0 if day == 16 else 4)))

    assert 16 in told(())
    assert 16 not in told([date_of(16)])


def test_wrong_prices_of_every_day_do_not_hide_an_outage():
    """Each has a rank of its own, because a strength that is common for one is rare for the other."""

    def of(event):
        number = int(event.transaction_id.rsplit("-", 1)[1]) % 8
        day, time = divmod(event.event_time - MONDAY, DAY)
        wrong = 21 <= day < 44 and number == day % 8 and 10 * HOUR <= time < 13 * HOUR
        return msgspec.structs.replace(event, sku=f"sku-{number}", amount=0.9 if wrong else 9.0)

    noon = MONDAY + 44 * DAY + 12 * HOUR
    events = [of(event) for event in without_sales(trade(45, lambda day: 8), noon, noon + HOUR)]
    told = [
        alert for alert in drops(alerts_of(engine_of("sales_deviation"), *events)) if alert.event_time > noon
    ]
    assert told[0].event_time <= noon + 30 * MINUTE


def test_an_outage_is_told_although_an_alert_about_prices_is_open():
    ten, noon = (MONDAY + 40 * DAY + hour * HOUR for hour in (10, 12))
    events = [
        msgspec.structs.replace(event, amount=0.9) if ten <= event.event_time < noon else event
        for event in without_sales(trade(41, lambda day: 8), noon, noon + HOUR)
    ]
    alerts = alerts_of(engine_of("sales_deviation"), *events)
    assert alerts[0].evidence["component"] == "price"
    outage = next(alert for alert in alerts if alert.event_time > noon)
    assert outage.event_time <= noon + 30 * MINUTE
    assert (outage.revision, outage.evidence["component"]) == (1, "silence")
    assert "fewer sales than usual" in outage.message
    assert {alert.alert_id for alert in alerts if alert.event_time > noon} == {outage.alert_id}


def test_a_silence_is_told_from_the_last_sale_on():
    """The rest of the quarter in which it began counts too."""
    began = MONDAY + 40 * DAY + 12 * HOUR + 2 * MINUTE
    events = list(without_sales(trade(41, lambda day: 8), began, began + 12 * HOUR))
    clock = PosEvent("x", STORE, "c-1", "sku", 1.0, "NO_SALE", began + HOUR)
    first = drops(alerts_of(engine_of("sales_deviation"), *events, clock))[0]
    assert first.evidence["component"] == "silence"
    assert first.evidence["start"] == events[-1].event_time
    assert first.evidence["observed"] == 0
    assert first.event_time <= began + 30 * MINUTE


def test_a_closed_day_does_not_hide_an_outage_two_weeks_later():
    closed = MONDAY + 36 * DAY
    began = MONDAY + 50 * DAY + 12 * HOUR
    events = list(trade(51, lambda day: 8))
    events = without_sales(events, closed, closed + DAY)
    events = list(without_sales(events, began, began + 12 * HOUR))
    clock = PosEvent("x", STORE, "c-1", "sku", 1.0, "NO_SALE", began + 5 * HOUR)
    outage = [
        a for a in drops(alerts_of(engine_of("sales_deviation"), *events, clock)) if a.event_time > began
    ]
    assert outage[0].event_time <= began + 30 * MINUTE


def test_five_pieces_on_one_receipt_are_one_wrong_price():
    """A receipt is one mistake, or one coupon: it weighs as much with five lines as with one."""
    lines = [
        msgspec.structs.replace(event, sku="sku-5" if number % 9 == 0 else "sku-6", amount=9.0)
        for number, event in enumerate(trade(41, lambda day: 8))
    ]
    noon = MONDAY + 40 * DAY + 12 * HOUR
    at = next(number for number, event in enumerate(lines) if event.event_time >= noon)
    cheap = msgspec.structs.replace(lines[at], amount=0.9)
    alerts = alerts_of(engine_of("sales_deviation"), *lines[:at], *[cheap] * 5, *lines[at + 1 :])
    assert [alert for alert in alerts if alert.evidence["component"] == "price"] == []


def test_opening_hours_are_learned_of_each_weekday():
    """A store that closes on Sundays raises no alert on any of them."""
    days = [event for event in trade(56, lambda day: 8) if (event.event_time - MONDAY) // DAY % 7 != 6]
    clock = [
        PosEvent("x", STORE, "c-1", "sku", 1.0, "NO_SALE", MONDAY + day * DAY + hour * HOUR)
        for day in range(56)
        for hour in range(24)
    ]
    events = sorted([*days, *clock], key=lambda event: event.event_time)
    alerts = alerts_of(engine_of("sales_deviation"), *events)
    assert [a for a in alerts if (a.event_time - MONDAY) // DAY % 7 == 6] == []


def test_a_wrong_price_is_told():
    events = [
        msgspec.structs.replace(event, amount=0.9)
        if (event.event_time - MONDAY) // DAY == 40 and event.event_time % DAY > 12 * HOUR
        else event
        for event in trade(41, lambda day: 8)
    ]
    alert = alerts_of(engine_of("sales_deviation"), *events)[0]
    assert alert.evidence["component"] == "price"
    assert alert.event_time - (MONDAY + 40 * DAY + 12 * HOUR) <= 30 * MINUTE
    assert "less than half of the known price" in alert.message


def test_a_wrong_price_is_told_with_the_article_and_receipts_to_look_at():
    noon = MONDAY + 40 * DAY + 12 * HOUR
    events = [
        msgspec.structs.replace(event, sku="sku-5", amount=0.9)
        if event.event_time > noon and number % 2
        else msgspec.structs.replace(event, sku=f"sku-{number % 8}", amount=9.0)
        for number, event in enumerate(trade(41, lambda day: 8))
    ]
    alert = next(
        a for a in alerts_of(engine_of("sales_deviation"), *events) if a.evidence["component"] == "price"
    )
    sold = [e.transaction_id for e in events if e.amount == 0.9 and e.event_time <= alert.event_time]
    assert alert.evidence["transactionIds"] == sold[-3:]
    assert alert.evidence["skus"] == ["sku-5"]
    assert "receipts have lines, the last ones of sku-5, at less than half" in alert.message


def test_an_outage_points_at_no_receipt():
    noon = MONDAY + 40 * DAY + 12 * HOUR
    events = [
        msgspec.structs.replace(event, amount=0.9) if event.transaction_id.endswith("7") else event
        for event in without_sales(trade(41, lambda day: 8), noon, noon + HOUR)
    ]
    outage = next(a for a in alerts_of(engine_of("sales_deviation"), *events) if a.event_time > noon)
    assert outage.evidence["component"] == "silence"
    assert (outage.evidence["transactionIds"], outage.evidence["skus"]) == ([], [])


@pytest.mark.parametrize("far", [253_402_300_799_999, MONDAY + 900 * DAY])
def test_an_event_of_a_far_future_does_not_stop_the_model(far):
    events = list(trade(45, lambda day: 12))
    half = len(events) * 3 // 10
    events.insert(half, msgspec.structs.replace(events[half], event_time=far, transaction_id="wrong"))
    noon = MONDAY + 44 * DAY + 12 * HOUR
    outage = without_sales(events, noon, noon + 2 * HOUR)
    alerts = drops(alerts_of(engine_of("sales_deviation"), *outage))
    assert noon < alerts[-1].event_time <= noon + 3 * HOUR


def test_state_keeps_to_its_budget():
    """The store never closes and sells more articles than there are places for prices."""
    run = Run(engine_of("sales_deviation"))
    sizes = []
    for number, event in enumerate(trade(40, lambda day: 40, opens=0, closes=24)):
        price = (1 + number % 307) * (0.1 if number % 50 == 0 else 1)
        receipt = f"{event.transaction_id:0>36}"  # as long as a UUID
        run.step(
            msgspec.structs.replace(event, sku=f"sku-{number % 307}", amount=price, transaction_id=receipt)
        )
        if number % 97 == 0:
            state: Any = run.store(STORE).detectors["sales_deviation"]
            tables = state.history, state.prices
            sizes.append(sum([len(msgspec.msgpack.encode(table.get("store"))) for table in tables]))
    assert max(sizes) <= 14_336, max(sizes)
