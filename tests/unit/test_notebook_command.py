"""`retail-anomaly notebook`: it copies, it never writes over, and it says what it lacks."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from retail_anomaly.cli import main, notebook

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
DATA = list((ROOT / "notebooks/data").iterdir())


def run(*arguments: object) -> int:
    return main(["notebook", *map(str, arguments)])


def test_notebooks_and_their_data_are_copied(tmp_path, capsys):
    folder = tmp_path / "mine"
    assert run("--folder", folder, "--no-start") == 0
    assert sorted(path.name for path in folder.glob("*.ipynb")) == SHIPPED
    assert (folder / "data/tuned.yaml").read_bytes() == (ROOT / "notebooks/data/tuned.yaml").read_bytes()
    assert (folder / "data/online_retail_2011_10.parquet").stat().st_size > 100_000
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{folder}: {len(SHIPPED) + len(DATA)} files copied" in captured.err


def test_what_the_user_changed_is_kept_and_said(tmp_path, capsys):
    run("--folder", tmp_path, "--no-start")
    mine = tmp_path / "00_quickstart.ipynb"
    mine.write_text("mine")
    (tmp_path / "10_explore_events.ipynb").unlink()
    (tmp_path / "my_own.ipynb").write_text("mine too")
    capsys.readouterr()
    assert run("--folder", tmp_path, "--no-start") == 0
    assert mine.read_text() == "mine"
    assert (tmp_path / "my_own.ipynb").read_text() == "mine too"
    assert (tmp_path / "10_explore_events.ipynb").exists()
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith(": 1 file copied")
    assert [line.partition(": kept as it is")[0] for line in said[1:]] == [str(mine)]


def test_without_jupyterlab_it_says_what_to_install_and_copies_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(notebook, "find_spec", lambda name: None)
    assert run("--folder", tmp_path / "mine") == 2
    assert "pip install 'retail-anomaly[notebook,streamer]'" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_a_file_is_no_folder(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run("--folder", tmp_path / "file", "--no-start") == 1
    assert capsys.readouterr().err.startswith("retail-anomaly: ")


def test_jupyterlab_is_started_in_the_folder(tmp_path, monkeypatch):
    started = []

    def start(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("retail_anomaly.cli.notebook.subprocess.run", start)
    assert run("--folder", tmp_path) == 0
    assert started == [[sys.executable, "-m", "jupyterlab", str(tmp_path)]]


def test_an_installation_without_notebooks_says_where_it_looked(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(notebook, "_PLACES", (tmp_path / "nowhere",))
    assert run("--folder", tmp_path / "mine", "--no-start") == 1
    assert str(tmp_path / "nowhere") in capsys.readouterr().err


def test_the_wheel_has_them(tmp_path):
    # Not isolated: the build's own requirements are pinned in this environment.
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert {f"retail_anomaly/notebooks/{name}" for name in SHIPPED} <= names
    assert "retail_anomaly/notebooks/data/online_retail_2011_10.parquet" in names
    assert not [name for name in names if ".ipynb_checkpoints" in name]
