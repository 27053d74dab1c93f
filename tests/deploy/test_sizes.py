"""The sizes in docs/deploy.md agree: formulas and limits follow from the measured figures."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.deploy.chart import CASES, CHART, ROOT

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SALES_A_DAY, DAYS = 2_000, 30


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _said(pattern: str) -> list[float]:
    found = re.search(pattern, " ".join(PAGE.split()))
    assert found, pattern
    return [_number(group) for group in found.groups()]


def _measured() -> list[tuple[float, float]]:
    """Return memory and volume of each measured state, in MB."""
    rows = re.findall(r"^\| .+ sales(?: remembered)? \| ([\d.,]+) MB \| ([\d.,]+) MB \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    return [(_number(memory), _number(volume)) for memory, volume in rows]


def _bytes(quantity: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return float(number) * 2 ** {"Mi": 20, "Gi": 30}[unit]


def test_costs_of_a_sale_and_a_store_are_the_tables():
    _, fewer, more, stores, _ = _measured()
    memory, volume, store = _said(
        r"a remembered sale takes (\d+) bytes of memory and (\d+) of the volume, .* a store takes (\d+) KB"
    )
    assert (more[0] - fewer[0]) / 0.9 == pytest.approx(memory, rel=0.05)
    assert (more[1] - fewer[1]) / 0.9 == pytest.approx(volume, rel=0.05)
    assert (stores[0] - fewer[0]) / 0.9 == pytest.approx(store, rel=0.05)
    running, state, base = _said(
        r"prints (\d+) MB for a process .* without the (\d+) MB of .* needs (\d+) MB to run"
    )
    assert (state, base) == (more[0], running - state)
    assert _said(r"memory = (\d+) MB \+ its stores x (\d+) KB \+ its remembered sales x (\d+) bytes") == [
        base,
        store,
        memory,
    ]


def test_sizes_are_the_formulas():
    base, store, sale = _said(
        r"memory = (\d+) MB \+ its stores x (\d+) KB \+ its remembered sales x (\d+) bytes"
    )
    (volume_of_sale,) = _said(r"bytes of memory and (\d+) of the volume")
    rows = re.findall(
        r"^\| ([\d,]+) \| ([\d,]+) \| (\d+) \| ([\d,]+) MB \| ([\d.]+[MG]i)[^|]* \| ([\d,]+) MB \|$",
        PAGE,
        re.MULTILINE,
    )
    assert len(rows) == 5
    for stores, sales, replicas, memory, limit, volume in rows:
        here = _number(stores) / int(replicas)
        assert _number(sales) == _number(stores) * SALES_A_DAY * DAYS
        remembered = here * SALES_A_DAY * DAYS
        wanted = base + here * store / 1e3 + remembered * sale / 1e6
        # As it is rounded: to two digits.
        assert _number(memory) == pytest.approx(wanted, rel=0.03), (stores, replicas)
        assert _number(volume) == pytest.approx(remembered * volume_of_sale / 1e6, rel=0.03), (
            stores,
            replicas,
        )
        assert _bytes(limit) >= 4 / 3 * wanted * 1e6, (stores, replicas)


def test_limits_are_the_charts():
    named = dict(re.findall(r"\| ([\d.]+[MG]i) \(((?:the default|as values-prod\.yaml))\) \|", PAGE)[::-1])
    values, production = (
        yaml.safe_load(path.read_text())["streamer"]["resources"]["limits"]["memory"]
        for path in (CHART / "values.yaml", CASES["values-prod"])
    )
    assert named == {values: "the default", production: "as values-prod.yaml"}
