"""The benchmarks are run by hand: what they import of each other and of the package must be there."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import benchmarks


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(benchmarks.__path__)])
def test_a_benchmark_can_be_imported(name: str):
    importlib.import_module(f"benchmarks.{name}")
