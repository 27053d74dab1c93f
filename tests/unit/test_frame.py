"""The frame of our commands: exit codes, one line for an error, the version, no file overwritten."""

from __future__ import annotations

from importlib import metadata

import pytest
import typer

from retail_anomaly import __version__
from retail_anomaly.cli.frame import new_app, run_command
from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.extras import missing_extra
from retail_anomaly.whole_file import refuse_to_overwrite


@pytest.fixture
def run():
    """Return a function that runs a command `act` which does what the test passes."""

    def run_act(act=lambda: None, *arguments):
        app = new_app("Try the frame.")
        app.command()(lambda: None)
        app.command("act")(act)
        return run_command(app, "prog", arguments or ["act"])

    return run_act


def raising(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RetailAnomalyError("broken: mend it"), 1, "broken: mend it"),
        (UsageError("--x: expected y"), 2, "--x: expected y"),
        (typer.BadParameter("no such thing."), 2, "Invalid value: no such thing (see prog act --help)"),
        (FileNotFoundError(2, "No such file or directory", "a.txt"), 1, "a.txt: No such file or directory"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (KeyboardInterrupt(), 1, "stopped before the end"),
        (typer.Abort(), 1, "stopped before the end"),
        (
            ModuleNotFoundError("No module named 'quixstreams'", name="quixstreams.models"),
            2,
            missing_extra("quixstreams"),
        ),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(run, capsys, error, code, said):
    assert run(raising(error)) == code
    assert capsys.readouterr() == ("", f"prog: {said}\n")


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("a\nb"), ModuleNotFoundError("No module named 'x'", name="x"), ImportError("x")],
)
def test_an_error_that_nobody_expected_is_one_line_that_says_where(run, capsys, error):
    assert run(raising(error)) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"prog: {type(error).__name__}: {' '.join(str(error).split())} (at test_frame.py:")
    assert said.endswith("): please report it\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (130, 1)])
def test_a_command_may_choose_its_exit_code(run, returned, code):
    assert run(lambda: returned) == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense' (see prog --help)"),
        (["act", "--nonsense"], "No such option: --nonsense (see prog act --help)"),
    ],
)
def test_a_wrong_command_line_names_the_help_to_look_at(run, capsys, arguments, said):
    assert run(lambda: None, *arguments) == 2
    assert capsys.readouterr().err == f"prog: {said}\n"


def test_the_version_is_that_of_the_package(run, capsys):
    assert run(lambda: None, "--version") == 0
    assert capsys.readouterr().out == f"prog {__version__}\n"


def test_an_error_can_be_told_in_another_way():
    told = []
    app = new_app("Try the frame.")
    app.command("act")(raising(UsageError("no")))
    assert run_command(app, "prog", [], tell=lambda message, error: told.append(message)) == 2
    assert told == ["Missing command (see prog --help)"]


@pytest.mark.parametrize(
    ("direct_url", "advice"),
    [
        (None, "pip install 'retail-anomaly[tune]'"),
        (
            '{"url": "file:///w/retail_anomaly-1.whl", "archive_info": {}}',
            "pip install 'retail-anomaly[tune]'",
        ),
        (
            '{"url": "file:///home/me/shop", "dir_info": {}}',
            "pip install 'retail-anomaly[tune]', or in the project's folder pip install '.[tune]'",
        ),
        (
            '{"url": "file:///home/me/shop", "dir_info": {"editable": true}}',
            "pip install 'retail-anomaly[tune]', or in the project's folder pip install '.[tune]'",
        ),
    ],
)
def test_a_package_that_was_installed_from_a_folder_gets_its_extra_from_there(tmp_path, direct_url, advice):
    (tmp_path / "METADATA").write_text("Name: retail-anomaly\nRequires-Dist: optuna>=4; extra == 'tune'\n")
    if direct_url is not None:
        (tmp_path / "direct_url.json").write_text(direct_url)
    package = metadata.Distribution.at(tmp_path)
    assert missing_extra("optuna", package) == f"optuna is not installed: {advice}"


def test_only_our_own_optional_dependencies_are_offered_for_installation():
    advice = missing_extra("confluent_kafka.admin")
    assert advice is not None
    assert advice.startswith("confluent-kafka is not installed: pip install 'retail-anomaly[streamer]'")
    assert missing_extra("no_such_module") is None


def test_of_several_extras_with_a_module_the_smallest_is_offered():
    advice = missing_extra("pyarrow")
    assert advice is not None
    assert advice.startswith("pyarrow is not installed: pip install 'retail-anomaly[parquet]'")


def test_an_input_is_recognised_by_another_name_and_through_links(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log.jsonl"
    log.touch()
    (tmp_path / "soft").symlink_to(log)
    (tmp_path / "hard").hardlink_to(log)
    for name in ("log.jsonl", "./log.jsonl", "soft", "hard"):
        with pytest.raises(UsageError, match="--output would overwrite"):
            refuse_to_overwrite({"--output": tmp_path / name}, [None, "-", log])


def test_other_files_may_be_overwritten(tmp_path):
    (tmp_path / "old").touch()
    refuse_to_overwrite({"--output": tmp_path / "old", "--html": None}, [tmp_path / "log", tmp_path, "-"])
