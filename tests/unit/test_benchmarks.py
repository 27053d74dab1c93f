"""The benchmarks are run by hand: what they import of each other and of the package must be there."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import benchmarks
from benchmarks import partition_balance, return_lags


def test_the_page_on_scale_shows_what_its_command_prints(capsys: pytest.CaptureFixture[str]):
    page = (Path(benchmarks.__file__).parents[1] / "docs" / "scale.md").read_text("utf-8")
    command = re.search(r"python -m benchmarks\.partition_balance (.+)", page)
    assert command
    partition_balance.main(command[1].split())
    printed = [line for line in capsys.readouterr().out.splitlines() if line]
    assert len(printed) > 10
    assert not [line for line in printed if line not in page.splitlines()]


def test_the_page_on_the_simulator_compares_its_returns_with_the_real_ones(
    capsys: pytest.CaptureFixture[str],
):
    page = (Path(benchmarks.__file__).parents[1] / "docs" / "simulator.md").read_text("utf-8").splitlines()
    return_lags.main()
    printed = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("| lines")]
    assert len(printed) > 6
    assert not [line for line in printed if line not in page]


def test_the_unit_figures_are_those_of_the_pages():
    docs = Path(benchmarks.__file__).parents[1] / "docs"
    deploy = " ".join((docs / "deploy.md").read_text("utf-8").split())
    formula = re.search(
        r"memory = (\d+) MB \+ its stores x (\d+) KB \+ its remembered sales x (\d+) bytes", deploy
    )
    volume = re.search(r"of memory and (\d+) of the volume", deploy)
    cpu = re.search(
        r"the same, CPU seconds a million records \| ([\d.]+) \|", (docs / "performance.md").read_text()
    )
    assert formula
    assert volume
    assert cpu
    assert [*map(int, formula.groups()), int(volume[1])] == [
        partition_balance.BASE_MB,
        partition_balance.STORE_KB,
        partition_balance.SALE_BYTES,
        partition_balance.VOLUME_BYTES,
    ]
    assert float(cpu[1]) == partition_balance.CPU_US


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(benchmarks.__path__)])
def test_a_benchmark_can_be_imported(name: str):
    importlib.import_module(f"benchmarks.{name}")
