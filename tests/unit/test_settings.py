"""Settings: their layers, where each value comes from, and what an error says."""

from __future__ import annotations

import json
import pickle
from datetime import date
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
import yaml

from retail_anomaly.core.durations import Duration
from retail_anomaly.detectors import REGISTRY, RefundBurst, register, unregister
from retail_anomaly.settings import (
    DetectorSettings,
    Settings,
    SettingsError,
    StoreSettings,
    build_engine,
    flatten,
    json_schema,
    load,
    with_parameters,
)
from retail_anomaly.tune.config_file import config_text

PACKAGED = Path(str(files("retail_anomaly.settings").joinpath("config.yaml")))
COUNT = "detectors.refund_burst.count"
COUNT_VARIABLE = "RETAIL__DETECTORS__REFUND_BURST__COUNT"


@pytest.fixture
def config(tmp_path):
    """Write a configuration file and return its path."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def error_of(path=None, environ=None, flags=None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(path, environ=environ or {}, flags=flags)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_packaged_file_states_every_default():
    loaded = load(PACKAGED, environ={})
    assert loaded.settings == Settings()
    assert {key for key, source in loaded.sources.items() if source == "default"} == set()
    assert set(loaded.sources) == set(flatten(Settings()))


def test_layers_in_their_order(config):
    path = config("detectors:\n  refund_burst:\n    count: 4\n    window: PT5M\nmax_late: 48h\n")
    loaded = load(
        path,
        environ={COUNT_VARIABLE: "5", "RETAIL__MAX_LATE": "72h", "RETAIL_HOME": "not ours"},
        flags={"max_late": "96h", "streamer.broker": None},
    )
    burst = loaded.settings.detectors.refund_burst
    assert (burst.count, burst.window, burst.amount) == (5, Duration.parse("5m"), 100.0)
    assert loaded.settings.max_late == Duration.parse("96h")
    assert loaded.sources[COUNT] == f"environment {COUNT_VARIABLE}"
    assert loaded.sources["detectors.refund_burst.window"] == f"file {path}:4"
    assert loaded.sources["max_late"] == "flag --max-late"
    assert loaded.sources["streamer.broker"] == "default"


@pytest.mark.parametrize("text", ["", "# nothing\n", "detectors:\n  refund_burst:\nstores:\n", "{}", "---\n"])
def test_a_file_may_leave_out_everything(config, text):
    assert load(config(text), environ={}).settings == Settings()


def test_store_ids_are_taken_as_they_stand(config):
    path = config("stores:\n  no: {time_zone: Europe/Oslo}\n  0012: {time_zone: Asia/Tokyo}\n  a.b: {}\n")
    environ = {
        "RETAIL__STORES__Shop-1__TIME_ZONE": "Europe/Berlin",
        "RETAIL__STORES__a__b__TIME_ZONE": "Europe/Rome",
        "RETAIL__STORES__c__d__DETECTORS__REFUND_BURST__WINDOW": "5m",
    }
    settings = load(path, environ=environ, flags={"stores.a.b.time_zone": "Europe/Paris"}).settings
    assert settings.stores == {
        "no": StoreSettings(time_zone="Europe/Oslo"),
        "0012": StoreSettings(time_zone="Asia/Tokyo"),
        "a.b": StoreSettings(time_zone="Europe/Paris"),
        "Shop-1": StoreSettings(time_zone="Europe/Berlin"),
        "a__b": StoreSettings(time_zone="Europe/Rome"),
        "c__d": StoreSettings(detectors={"refund_burst": {"window": Duration.parse("5m")}}),
    }
    assert settings.zone("Shop-1").key == "Europe/Berlin"
    assert settings.zone("elsewhere").key == "UTC"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("detectors:\n  refund_burst:\n    cuont: 3\n",
         ":3: unknown key detectors.refund_burst.cuont; did you mean count?"),
        ("detectors:\n  refund_burts: {count: 1}\n",
         ":2: unknown key detectors.refund_burts; did you mean refund_burst?"),
        ("x: {}", ":1: unknown key x; expected one of max_late, "),
        ("detectors:\n  refund_burst:\n    count: 0\n",
         ":3: detectors.refund_burst.count: expected a whole number >= 1, got 0"),
        ("detectors: {refund_burst: {count: -1}}", "got -1"),
        ("detectors: {refund_burst: {count: many}}", "expected a whole number, got 'many'"),
        ("detectors: {refund_burst: {count: {a: 1}}}", "expected one value, got keys below it"),
        ("detectors: {refund_burst: {window: 0}}",
         "detectors.refund_burst.window: expected a duration above 0"),
        ("detectors: {refund_burst: {window: -5m}}", "expected a duration such as 10m"),
        ("detectors: {refund_burst: {window: 10}}",
         "detectors.refund_burst.window: expected a duration such as 10m, 30d or PT10M, got 10"),
        ("detectors: {refund_burst: {window: true}}", "got True"),
        ("detectors: {refund_burst: {amount: .nan}}", "got nan"),
        ("detectors: {security_correlation: {risk: 1.5}}",
         "detectors.security_correlation.risk: expected a number <= 1, got 1.5"),
        ("detectors: 3", "detectors: expected keys below it (refund_burst, "),
        ("max_late: 0", ":1: max_late: expected a duration above 0"),
        ("max_ahead:", "max_ahead: expected a duration such as 10m, 30d or PT10M, got nothing"),
        ("max_late: 2024-13-45", ":1: max_late: 2024-13-45: month must be in 1..12"),
        ("stores: {a: {closed: [2026-01-06, 2026-02-30]}}", ":1: closed: 2026-02-30: day is out of range"),
        ("max_late: 1h\nmax_late: 2h", ":2: max_late is given twice"),
        ("stores: {a: {time_zone: Mars}}",
         "stores.a.time_zone: expected an IANA name such as Europe/Berlin, got 'Mars'"),
        ("stores: {a: {time_zone: Europe}}", "got 'Europe'"),
        ("stores: {a: {closed: [soon]}}", "stores.a.closed: expected dates such as 2026-12-24, ranges"),
        ("stores: {a: {closed: 2026-12-24}}", "stores.a.closed: expected a list, got 2026-12-24"),
        ("stores: {a: {closed: [2026-12-24/]}}", "stores.a.closed: expected dates such as 2026-12-24,"),
        ("stores: {a: {closed: [2026-12-26/2026-12-24]}}", "range of at most 366 days that begins with the"),
        ("stores: {a: {holidays: [ZZ]}}",
         "stores.a.holidays: expected the two letters of a country (ISO 3166), such as DE; got 'ZZ'"),
        ("stores: {a: {holidays: [DE-BW, DE-BX]}}", "no holidays of 'DE-BX' are known; did you mean DE-"),
        ("stores: {a: {closed: [DE, NO]}}",
         "expected text, got ['DE', False]; YAML reads no, yes, on and off as true or false: put the word in "
         'quotes, such as "NO"'),
        ("stores: {a: {time_zone: on}}", "expected text, got True; YAML reads no, yes, on and off as"),
        ("stores: {a: 1}",
         "stores.a: expected keys below it (time_zone, group, closed, holidays, rules, detectors), got 1"),
        ("stores:\n a:\n  detectors:\n   refund_burst: {cuont: 3}\n",
         ":4: unknown key stores.a.detectors.refund_burst.cuont; did you mean count?"),
        ("stores: {a: {detectors: {refund_burst: {count: 0}}}}",
         "stores.a.detectors.refund_burst.count: expected a whole number >= 1, got 0"),
        ("stores: {a: {detectors: {refund_burst: 3}}}",
         "stores.a.detectors.refund_burst: expected keys below it (enabled, window"),
        ("detectors: {refund_match: {sale_memory: 20d}}\n"
         "stores: {a: {detectors: {refund_match: {return_window: 30d}}}}",
         ":2: stores: a.detectors.refund_match.return_window: expected"),
        ("stores: 1", "stores: expected names with keys below them, got 1"),
        ("streamer: {processing_guarantee: once}", "expected one of at-least-once, exactly-once, got 'once'"),
        ("streamer: {broker: ''}", "streamer.broker: expected text that is not empty, got ''"),
        ("streamer: {topics: {retention: 0}}", "streamer.topics.retention: expected a duration above 0"),
        ("- a", "expected keys and values"),
        ("a: [", ":1: not YAML: "),
        ("? [a]\n: 1", "expected a key"),
        ("max_late: !!python/name:os.system x", "not YAML: "),
        ("a: &x {b: *x}", "not YAML: "),
        (b"\xff\xfe\xfa", "not YAML: "),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_line_that_names_the_key(config, text, message):
    path = config(text)
    found = error_of(path)
    assert message in found
    assert found.startswith(f"file {path}")


def test_a_missing_file(tmp_path):
    assert error_of(tmp_path / "no.yaml").endswith("no.yaml: cannot be read: No such file or directory")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (COUNT_VARIABLE, "x", f"{COUNT}: expected a whole number, got 'x'"),
        (COUNT_VARIABLE, "", f"{COUNT}: expected a whole number"),
        (COUNT_VARIABLE, "[:", f"{COUNT}: expected a number, a word or a duration, got '[:'"),
        ("RETAIL__DETECTORS__REFUND_BURST__CUONT", "1", "did you mean count?"),
        ("RETAIL__DETECTORS", "1", "detectors: expected keys below it"),
        ("RETAIL__STREAMER__BROKER__X", "1", "streamer.broker: expected one value"),
        (
            "RETAIL__STORES__a",
            "UTC",
            "stores.a: expected keys below it (time_zone, group, closed, holidays, rules, detectors)",
        ),
    ],
)
def test_a_wrong_variable_is_named(name, value, message):
    found = error_of(environ={name: value})
    assert found.startswith(f"environment {name}: ")
    assert message in found


def test_a_store_lists_its_days_as_dates_ranges_and_regions(config):
    path = config("stores: {a: {closed: [2026-12-24/2026-12-26, DE-BY], holidays: [2026-10-11]}}")
    settings = load(path, environ={"RETAIL__STORES__b__CLOSED": "[2026-01-02]"}).settings

    def closed(store, month, day):
        return settings.trading_days(store).is_closed(date(2026, month, day).toordinal())

    assert closed("a", 12, 25)
    assert closed("a", 4, 3)  # Good Friday
    assert not closed("a", 4, 2)
    assert closed("b", 1, 2)
    assert not closed("elsewhere", 4, 3)
    assert settings.trading_days("a").is_holiday(date(2026, 10, 11).toordinal())
    assert not settings.trading_days("a").is_usual(date(2026, 10, 11).toordinal())


def test_a_store_has_its_own_parameters_over_those_of_all(config):
    path = config(
        "detectors: {refund_burst: {count: 4}}\n"
        "stores:\n"
        "  a: {detectors: {refund_burst: {window: 5m, amount: 50}}}\n"
        "  b: {detectors: {refund_burst: {enabled: false}}}\n"
    )
    settings = load(path, environ={}).settings
    engine = build_engine(settings)

    burst = engine.of("a").detectors[0].parameters
    assert (burst.count, burst.amount, burst.window) == (4, 50, Duration.parse("5m"))
    assert settings.parameters("a") == {"refund_burst": burst}
    assert "refund_burst" not in engine.of("b").config_hashes
    assert engine.of("elsewhere") is engine
    assert engine.detectors[0].parameters == settings.detectors.refund_burst
    # What does not differ is one detector for all, and so is its count of the undecided.
    assert engine.of("a").detectors[1:] == engine.detectors[1:] == engine.of("b").detectors


def test_stores_with_the_same_parameters_share_an_engine():
    own = StoreSettings(detectors={"refund_burst": {"window": "5m"}})
    engine = build_engine(Settings(stores={"a": own, "b": own}))
    assert engine.of("a") is engine.of("b") is not engine


def test_text_in_the_environment_is_not_read_as_yaml():
    environ = {"RETAIL__STREAMER__BROKER": "[::1]:9092", "retail__streamer__consumer_group": "12"}
    streamer = load(environ=environ).settings.streamer
    assert (streamer.broker, streamer.consumer_group) == ("[::1]:9092", "12")


@pytest.mark.parametrize(
    ("flags", "group"), [({}, "shops.retail-anomaly"), ({"streamer.consumer_group": "retail-anomaly"}, None)]
)
def test_the_prefix_of_the_topics_stands_before_a_group_that_is_not_given(flags, group):
    loaded = load(environ={}, flags={"streamer.topic_prefix": "shops."} | flags)
    assert loaded.settings.streamer.consumer_group == (group or "retail-anomaly")
    assert loaded.sources["streamer.consumer_group"].startswith("flag")


def test_a_wrong_flag_is_named():
    assert error_of(flags={"streamer.topics.partitions": 0}).startswith(
        "flag --partitions: streamer.topics.partitions: expected a whole number >= 1"
    )


def test_the_engine_runs_what_is_enabled_in_the_order_of_the_registry(config):
    changed = "detectors: {stock_discrepancy: {enabled: false}, sales_deviation: {enabled: true}}"
    names = [detector.name for detector in build_engine(load(config(changed), environ={}).settings).detectors]
    assert names == [name for name in REGISTRY if name not in ("stock_discrepancy", "refund_deviation")]


def test_the_engine_takes_the_parameters():
    settings = load(environ={COUNT_VARIABLE: "7", "RETAIL__DEDUPE_MEMORY": "2h"}).settings
    engine = build_engine(settings, ["refund_burst"])
    assert engine.detectors[0].parameters.count == 7
    assert (engine.max_late, engine.dedupe_memory) == (86_400_000, 7_200_000)


def test_a_detector_that_is_named_runs_though_it_is_off():
    settings = load(environ={"RETAIL__DETECTORS__STOCK_DISCREPANCY__ENABLED": "false"}).settings
    assert build_engine(settings, ["stock_discrepancy"]).detectors[0].name == "stock_discrepancy"


def test_an_unknown_detector_and_none_at_all():
    with pytest.raises(SettingsError, match="unknown detector 'refund'; the detectors are refund_burst, "):
        build_engine(Settings(), ["refund"])
    off = load(environ={f"RETAIL__DETECTORS__{name.upper()}__ENABLED": "off" for name in REGISTRY}).settings
    with pytest.raises(SettingsError, match="no detector is enabled"):
        build_engine(off)


def test_the_schema_has_every_key_with_its_description_and_default():
    schema = json.loads(msgspec.json.encode(json_schema()))
    definitions = schema["$defs"]

    def leaves(node, prefix=""):
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
        assert node["additionalProperties"] is False
        for name, value in node["properties"].items():
            if "$ref" in value:
                yield from leaves(value, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", value

    found = dict(leaves(schema))
    defaults = yaml.safe_load(PACKAGED.read_text())
    assert set(found) == {*flatten(Settings()), "stores"}
    for path, leaf in found.items():
        assert leaf["description"], path
        default = defaults
        for key in path.split("."):
            default = default[key]
        written = leaf["default"]
        if "anyOf" in leaf:  # a duration
            assert Duration.parse(str(default)) == Duration.parse(str(written)), path
        else:
            assert default == written, path


# --- A detector of one's own ------------------------------------------------------------------


class Louder(RefundBurst):
    """A refund burst by another name."""

    name = "louder"
    alert_type = "LOUDER"


@pytest.fixture
def registered():
    register(Louder, Louder.Parameters(count=7))
    yield
    unregister("louder")


def test_a_registered_detector_has_a_section_in_files_in_the_environment_and_in_the_schema(
    registered, config
):
    path = config("detectors:\n  louder:\n    window: 5m\n")
    loaded = load(path, environ={"RETAIL__DETECTORS__LOUDER__AMOUNT": "50"})
    louder = loaded.settings.detectors.louder
    assert (str(louder.window), louder.amount, louder.count) == ("5m", 50.0, 7)
    assert loaded.sources["detectors.louder.window"] == f"file {path}:3"
    assert loaded.sources["detectors.louder.count"] == "default"
    (running,) = build_engine(loaded.settings, ["louder"]).detectors
    assert running.parameters == louder
    assert "louder" in json_schema()["$defs"]["DetectorSettings"]["properties"]


def test_a_mistake_in_its_section_is_one_line(registered, config):
    with pytest.raises(SettingsError, match=r":3: unknown key detectors.louder.cuont; did you mean count\?$"):
        load(config("detectors:\n  louder:\n    cuont: 5\n"), environ={})


def test_without_the_registration_its_section_is_an_unknown_key(config):
    with pytest.raises(
        SettingsError, match=r":3: unknown key detectors.louder; expected one of refund_burst"
    ):
        load(config("detectors:\n  louder:\n    count: 5\n"), environ={})


def test_its_changes_are_written_and_read_again(registered, config):
    changed = with_parameters(Settings(), {"louder": Louder.Parameters(count=4)})
    text = config_text(changed)
    assert text == "detectors:\n  louder:\n    count: 4\n"
    assert load(config(text), environ={}).settings == changed


def test_settings_with_its_section_survive_pickling_and_its_removal(registered):
    settings = with_parameters(Settings(), {"louder": Louder.Parameters(count=4)})
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301
    unregister("louder")
    assert "louder" not in settings.detectors
    assert with_parameters(settings, {}) == Settings()
    with pytest.raises(AttributeError, match="there is no detector 'louder'; the detectors are refund_burst"):
        _ = settings.detectors.louder


def test_a_detector_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match="unknown detector 'lauder'"):
        DetectorSettings(lauder=Louder.Parameters())
