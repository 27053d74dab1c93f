"""A file that cannot be completed leaves the old one as it was, and nothing beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retail_anomaly.cli import main
from retail_anomaly.whole_file import NamedFile, whole_file, write_whole
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
COMMANDS = {"retail-anomaly": "retail_anomaly.cli", "retail-datagen": "data_gen"}
OLD = "the old file\n"
REFUND = {
    "transactionId": "t",
    "storeId": "s",
    "cashierId": "c",
    "sku": "k",
    "amount": 20.0,
    "eventType": "REFUND",
    "eventTime": 1_760_000_000_000,
}
LINE = json.dumps({"topic": "pos-events", "value": REFUND}) + "\n"


def start(command: str, *arguments: object, **how: Any) -> subprocess.Popen[bytes]:
    """Start a command of ours; its standard error is a pipe."""
    line = [sys.executable, "-m", COMMANDS[command], *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    return subprocess.Popen(line, stderr=subprocess.PIPE, env=environment, **how)


def run(command: str, *arguments: object, **how: Any) -> tuple[int, str]:
    """Run a command of ours; return its exit code and its standard error."""
    process = start(command, *arguments, **how)
    _, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said.decode()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def is_written(folder: Path) -> bool:
    """Return whether bytes of a new file are in its hidden file."""
    return any(path.stat().st_size for path in hidden(folder))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder whose file `alerts.jsonl` is there already."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "alerts.jsonl").write_text(OLD)
    return folder


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated day and its alerts."""
    folder = tmp_path_factory.mktemp("day")
    assert run("retail-datagen", "write", "--stores", 1, "--out", folder, stdout=subprocess.DEVNULL)[0] == 0
    alerts = folder / "alerts.jsonl"
    assert run("retail-anomaly", "replay", folder / "events.jsonl", "--output", alerts)[0] == 0
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB; the test is skipped where none may be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    as_root = [] if os.getuid() == 0 else ["sudo", "-n"]
    mount = [*as_root, "mount", "-t", "tmpfs", "-o", f"size=64k,uid={os.getuid()}", "none", str(folder)]
    if (
        shutil.which(mount[0]) is None
        or subprocess.run(mount, stderr=subprocess.PIPE, check=False).returncode
    ):
        pytest.skip("no permission to mount a small disk")
    yield folder
    subprocess.run([*as_root, "umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def endless(out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A replay that has written its first alert and waits for more of its input."""
    target = out / "alerts.jsonl"
    process = start("retail-anomaly", "replay", "-", "--output", target, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(LINE.encode() + LINE.replace("1760000", "1770000").replace('"t"', '"u"').encode())
    process.stdin.flush()
    wait_for(lambda: is_written(out), process)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_old_file_and_nothing_else(
    number: signal.Signals, endless: subprocess.Popen[bytes], out: Path
) -> None:
    endless.send_signal(number)

    _, said = endless.communicate(timeout=PATIENCE_S)

    interrupted = number == signal.SIGINT
    assert endless.returncode == (1 if interrupted else -number)
    assert said.decode() == ("retail-anomaly: stopped before the end\n" if interrupted else "")
    assert [path.name for path in out.iterdir()] == ["alerts.jsonl"]
    assert (out / "alerts.jsonl").read_text() == OLD


def test_a_file_that_is_complete_replaces_the_old_one(endless: subprocess.Popen[bytes], out: Path) -> None:
    endless.communicate(timeout=PATIENCE_S)

    assert endless.returncode == 0
    assert "REFUND_WITHOUT_SALE" in (out / "alerts.jsonl").read_text()
    assert not hidden(out)


@pytest.mark.long
@pytest.mark.parametrize("layout", ["jsonl", "parquet"])
def test_ctrl_c_in_a_simulation_keeps_the_old_world(layout: str, tmp_path: Path) -> None:
    names = ["events.jsonl", "incidents.jsonl", "pos-events.parquet"]
    for name in names:
        (tmp_path / name).write_text(OLD)
    size = ["--stores", 2, "--days", 3000, "--format", layout]
    process = start("retail-datagen", "write", *size, "--out", tmp_path)
    wait_for(lambda: is_written(tmp_path), process)

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, said.decode()) == (1, "retail-datagen: stopped before the end\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert {(tmp_path / name).read_text() for name in names} == {OLD}


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("alerts.jsonl", "retail-anomaly replay {many} --output {target}"),
        ("dead.jsonl", "retail-anomaly replay {bad} --dead-letters {target}"),
        ("report.html", "retail-anomaly report --alerts {day}/alerts.jsonl --output {target}"),
        ("card.html", "retail-anomaly evaluate {scored} --html {target}"),
        ("card.json", "retail-anomaly evaluate {scored} --output {target}"),
        ("events.jsonl", "retail-datagen write --stores 1 --out {folder}"),
        ("pos-events.parquet", "retail-datagen write --stores 1 --days 9 --format parquet --out {folder}"),
        ("world.html", "retail-datagen world --stores 1 --html {target}"),
    ],
)
def test_a_full_disk_is_one_line_that_names_the_file(
    name: str, line: str, day: Path, small_disk: Path, tmp_path: Path
) -> None:
    target, many, bad = small_disk / name, tmp_path / "many.jsonl", tmp_path / "bad.jsonl"
    many.write_text("".join(LINE.replace('"t"', f'"t{number}"') for number in range(500)))
    bad.write_text("{\n" * 2000)
    scored = f"--alerts {day}/alerts.jsonl --incidents {day}/incidents.jsonl"
    command = line.format(target=target, folder=small_disk, many=many, bad=bad, day=day, scored=scored)
    target.write_text(OLD)
    (small_disk / "ballast").write_bytes(b"x" * (small_disk_room(small_disk) - 4096))

    code, said = run(*command.split(), stdout=subprocess.DEVNULL)

    assert code == 1
    assert said.splitlines()[-1] == f"{command.split()[0]}: {target}: No space left on device"
    assert "Traceback" not in said
    assert target.read_text() == OLD
    assert not hidden(small_disk)


def small_disk_room(folder: Path) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def test_a_full_disk_keeps_the_old_configuration(small_disk: Path) -> None:
    target = small_disk / "tuned.yaml"
    target.write_text(OLD)
    (small_disk / "ballast").write_bytes(b"x" * small_disk_room(small_disk))

    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(target, "detectors: {}\n")

    assert caught.value.filename == str(target)
    assert target.read_text() == OLD
    assert not hidden(small_disk)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_device_is_named(day: Path) -> None:
    log = day / "events.jsonl"
    to_file = run("retail-anomaly", "replay", log, "--output", "/dev/full")
    with Path("/dev/full").open("wb") as full:
        to_standard_output = run("retail-anomaly", "replay", log, stdout=full)

    assert to_file == (1, "retail-anomaly: /dev/full: No space left on device\n")
    assert to_standard_output == (1, "retail-anomaly: standard output: No space left on device\n")


def ids_of(alerts: bytes) -> list[str]:
    return [json.loads(line)["alertId"] for line in alerts.splitlines()]


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1"])
def test_standard_output_by_its_path_is_written_directly(path: str, day: Path, tmp_path: Path) -> None:
    arguments = ["replay", day / "events.jsonl", "--output", path]
    piped = start("retail-anomaly", *arguments, stdout=subprocess.PIPE)
    alerts, _ = piped.communicate(timeout=PATIENCE_S)
    appended = tmp_path / "appended.jsonl"
    appended.write_text(OLD)
    with appended.open("ab") as file:
        code, _ = run("retail-anomaly", *arguments, stdout=file)

    assert (piped.returncode, code) == (0, 0)
    assert ids_of(alerts) == ids_of((day / "alerts.jsonl").read_bytes())
    kept, _, added = appended.read_bytes().partition(b"\n")
    assert kept == OLD.encode().strip()
    assert ids_of(added) == ids_of(alerts)
    assert not hidden(tmp_path)


def test_a_fifo_hands_over_each_alert_and_stays_a_fifo(tmp_path: Path) -> None:
    fifo = tmp_path / "alerts"
    os.mkfifo(fifo)
    process = start("retail-anomaly", "replay", "-", "--output", fifo, stdin=subprocess.PIPE)
    assert process.stdin is not None
    with fifo.open("rb") as reader:
        process.stdin.write(LINE.encode() + LINE.replace("1760000", "1770000").replace('"t"', '"u"').encode())
        process.stdin.flush()
        first = reader.readline()
        process.communicate(timeout=PATIENCE_S)

    assert json.loads(first)["type"] == "REFUND_WITHOUT_SALE"
    assert process.returncode == 0
    assert stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_written(there: bool, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "report.html", tmp_path / "link.html"
    link.symlink_to("elsewhere/report.html")
    if there:
        target.write_text(OLD)

    write_whole(link, "new")

    assert link.is_symlink()
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_a_replaced_file_keeps_its_permissions_and_a_new_one_has_the_usual(tmp_path: Path) -> None:
    old, new, usual = (tmp_path / name for name in ("old", "new", "usual"))
    old.write_text(OLD)
    old.chmod(0o640)
    usual.write_text("")

    write_whole(old, "new")
    write_whole(new, "new")

    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert new.stat().st_mode == usual.stat().st_mode


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_a_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_text(OLD)
    os.chown(path, 1234, 1235)

    write_whole(path, "new")

    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)


@pytest.mark.parametrize(
    ("protected", "said"),
    [("out/alerts.jsonl", "Permission denied"), ("out", "must be writable too")],
)
def test_a_protected_file_or_folder_is_refused(protected: str, said: str, out: Path, tmp_path: Path) -> None:
    path = out / "alerts.jsonl"
    path.chmod(0o666)
    (tmp_path / protected).chmod(0o555)
    program = (
        "import os; from retail_anomaly.whole_file import write_whole; "
        "os.getuid() or os.setuid(65534); write_whole('alerts.jsonl', 'new')"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [sys.executable, "-c", program], stderr=-1, text=True, check=False, cwd=out, env=environment
    )

    last = done.stderr.splitlines()[-1]
    assert said in last
    assert "alerts.jsonl" in last
    assert path.read_text() == OLD
    assert not hidden(out)


@pytest.mark.parametrize(
    "line",
    [
        "replay {day}/events.jsonl --output no/alerts.jsonl",
        "replay {day}/events.jsonl --dead-letters no/dead.jsonl",
        "report --alerts {day}/alerts.jsonl --output no/report.html",
        "evaluate --alerts {day}/alerts.jsonl --incidents {day}/incidents.jsonl --html no/card.html",
        "evaluate --alerts {day}/alerts.jsonl --incidents {day}/incidents.jsonl --output no/card.json",
    ],
)
def test_a_missing_folder_is_one_line(
    line: str, day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(line.format(day=day).split()) == 1

    assert (
        capsys.readouterr().err
        == f"retail-anomaly: {line.rsplit(maxsplit=1)[-1]}: No such file or directory\n"
    )


def test_a_folder_in_the_place_of_the_file_is_one_line(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--alerts", str(day / "alerts.jsonl"), "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"retail-anomaly: {tmp_path}: Is a directory\n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_leaves_the_old_file(error: type[BaseException], out: Path) -> None:
    def write_half() -> None:
        with whole_file(out / "alerts.jsonl") as file:
            file.write(b"x" * 1_000_000)
            raise error

    with pytest.raises(error):
        write_half()

    assert (out / "alerts.jsonl").read_text() == OLD
    assert not hidden(out)


def test_handlers_of_signals_are_as_before_when_the_last_file_is_done(out: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with whole_file(out / "a"):
        with whole_file(out / "b"):
            pass
        assert signal.getsignal(signal.SIGTERM) != before

    assert signal.getsignal(signal.SIGTERM) == before


def test_a_thread_writes_too(out: Path) -> None:
    thread = threading.Thread(target=write_whole, args=(out / "alerts.jsonl", "new"))
    thread.start()
    thread.join()

    assert (out / "alerts.jsonl").read_text() == "new"


def test_an_interrupted_python_replay_keeps_the_dead_letters_of_the_last_one(out: Path) -> None:
    from retail_anomaly import replay  # Here: it imports pandas.

    def events() -> Iterator[Any]:
        yield from ()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(events(), dead_letters=out / "alerts.jsonl")

    assert (out / "alerts.jsonl").read_text() == OLD
    assert not hidden(out)


def test_a_file_that_is_mounted_by_itself_is_written(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.write_text(OLD)
    inside.touch()
    mount = ["mount", "--bind", str(outside), str(inside)]
    if os.getuid() or subprocess.run(mount, stderr=subprocess.PIPE, check=False).returncode:
        pytest.skip("no permission to mount a file")
    try:
        write_whole(inside, "new")
    finally:
        subprocess.run(["umount", str(inside)], check=True)

    assert outside.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "outside"]


def test_a_failed_write_of_an_unbuffered_file_names_it(small_disk: Path) -> None:
    path = small_disk / "incidents.jsonl"
    (small_disk / "ballast").write_bytes(b"x" * small_disk_room(small_disk))
    with NamedFile(path, "wb") as file, pytest.raises(OSError, match="No space left") as caught:
        file.write(b"x" * 10_000)

    assert caught.value.filename == str(path)
