"""Every error of ours stands in one tree, goes to another process and back, and is one line."""

from __future__ import annotations

import pickle
from importlib import import_module
from pkgutil import walk_packages

import pytest

from retail_anomaly.cases.audit.disclosure import DisclosureError
from retail_anomaly.cases.audit.file_log import BrokenAuditError
from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.extras import MissingExtraError
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.core.state_errors import NamesChangedError, NumberingChangedError, StateFormatError
from retail_anomaly.frames.columns import MissingColumnsError
from retail_anomaly.rules.written import RuleError
from retail_anomaly.settings import SettingsError
from retail_anomaly.settings.privacy_settings import KeyMissingError
from retail_anomaly.sources.columns import ColumnsError
from retail_anomaly.sources.mapping_file import MappingError
from retail_anomaly.tune import TuneUsageError
from streamer.errors import MissingTopicError, OvertakenError
from streamer.sinks.influx_answers import UnavailableError

PACKAGES = ("retail_anomaly", "streamer", "data_gen")
# Errors whose `__init__` takes more than a text.
SAMPLES = {
    BrokenAuditError: BrokenAuditError("audit.jsonl", "record 7: it was changed"),
    InvalidEvent: InvalidEvent("amount", "amount: expected a number >= 0"),
    InvalidRecord: InvalidRecord("riskScore", "riskScore: expected a number from 0 to 1, got 7"),
    NamesChangedError: NamesChangedError("store-1", "none", "keyed"),
    NumberingChangedError: NumberingChangedError("store-1", "store", "register"),
    RuleError: RuleError("rules.yaml:3", "unknown key widnow; did you mean window?"),
    MissingTopicError: MissingTopicError("anomaly-alerts"),
    OvertakenError: OvertakenError("Broker: Unknown member"),
    StateFormatError: StateFormatError("store-1", 9),
    UnavailableError: UnavailableError("answers 503", 2.0, timed_out=True),
}
COMMANDS_THAT_RUN = ("__main__", "main")


def defined_exceptions() -> set[type[BaseException]]:
    found = set()
    for package in PACKAGES:
        root = import_module(package)
        for module in walk_packages(root.__path__, f"{package}."):
            if module.name.rpartition(".")[2] in COMMANDS_THAT_RUN:
                continue
            for value in vars(import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, BaseException):
                    found.add(value)
    return {error for error in found if error.__module__.partition(".")[0] in PACKAGES}


EXCEPTIONS = sorted(defined_exceptions(), key=lambda error: error.__qualname__)


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_each_error_has_the_one_root_survives_pickling_and_is_one_line(kind):
    error = SAMPLES.get(kind) or kind("one line")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(error, RetailAnomalyError)
    assert (type(copy), str(copy), vars(copy)) == (kind, str(error), vars(error))
    assert len(str(error).splitlines()) == 1


def test_the_walk_finds_the_errors_of_all_three_packages():
    assert {error.__module__.partition(".")[0] for error in EXCEPTIONS} == set(PACKAGES)
    assert len({error.__name__ for error in EXCEPTIONS}) == len(EXCEPTIONS)


@pytest.mark.parametrize("kind", [SettingsError, ColumnsError, InvalidEvent, StateFormatError])
def test_errors_about_values_are_still_value_errors(kind):
    assert issubclass(kind, ValueError)


def test_a_wrong_request_exits_with_2_and_a_failure_with_1():
    codes = {kind: kind.exit_code for kind in EXCEPTIONS if issubclass(kind, RetailAnomalyError)}
    assert {kind for kind, code in codes.items() if code == 2} == {
        *(
            UsageError,
            SettingsError,
            ColumnsError,
            MappingError,
            TuneUsageError,
            RuleError,
            MissingExtraError,
        ),
        *(MissingExtraError, DisclosureError, KeyMissingError, MissingColumnsError),
    }
    assert set(codes.values()) == {1, 2}
