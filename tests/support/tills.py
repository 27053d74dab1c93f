"""Logs of tills at which everything goes wrong: numbers that repeat, voids, late lines, shared tokens."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.support.events import DAY, HOUR, MINUTE, T0

Value = dict[str, Any]


def till_log(rng: Random, lines: int) -> list[Value]:
    """Make values of POS events, of two stores and a few receipts, in arrival order."""
    time, span = T0, rng.choice([MINUTE, HOUR, 6 * HOUR, 20 * HOUR])
    numbers, tokens = rng.choice([3, 8, 30]), rng.choice([0, 2, 4])
    made = []
    for _ in range(lines):
        time += rng.choice([0, 0, 1, span // 4, span])
        made.append(_event(rng, time - rng.choice([0] * 8 + [span, HOUR // 2]), numbers, tokens))
    return made


def reused_numbers_log(rng: Random, lines: int) -> list[Value]:
    """Make values of a store that uses the same few numbers again and again for months.

    Lines of a number often follow each other within a day: where each receipt begins then hangs on where the
    one before it began, back to lines that were forgotten weeks ago.
    """
    time, numbers, tokens = T0, rng.choice([1, 2, 4]), rng.choice([0, 2])
    made = []
    for _ in range(lines):
        time += rng.randrange(rng.choice([HOUR, 20 * HOUR]))
        late = rng.choice([0, 0, rng.randrange(20 * HOUR)])
        made.append(_event(rng, time - late, numbers, tokens) | {"storeId": "s1"})
    return made


def _event(rng: Random, time: int, numbers: int, tokens: int) -> Value:
    kinds = ["SALE", "REFUND", "VOID", "LINE_VOID", "POST_VOID"]
    kind = rng.choices(kinds, [6, 5, 0.6, 1, 0.4])[0]
    event: Value = {
        "transactionId": f"t{rng.randrange(numbers)}",
        "storeId": rng.choice(["s1", "s1", "s2"]),
        "cashierId": rng.choice("ab"),
        "sku": rng.choice("xyz"),
        "amount": rng.choice([0.0, 5.0, 10.0, 10.03, 20.0, 30.0, 7.5]),
        "eventType": kind,
        "eventTime": time,
    }
    chances: list[tuple[float, str, list[Any]]] = [
        (0.6, "quantity", [1, 2, 3, 0.5, 1.25]),
        (0.3, "registerId", ["r1", "r2"]),
        (0.2, "lineNumber", [1]),
        (0.4, "tender", ["cash", "card", "CASH"]),
    ]
    if tokens:
        chances.append((0.5, "customerToken", [f"c{n}" for n in range(tokens)]))
        chances.append((0.3, "cardToken", [f"k{n}" for n in range(tokens)]))
    if kind != "SALE" and rng.random() < 0.6:
        event["originalTransactionId"] = f"t{rng.randrange(numbers)}"
        chances.append((0.5, "originalRegisterId", ["r1", "r2"]))
        chances.append(
            (0.2, "originalBusinessDate", [f"2025-10-{9 + n:02}" for n in range(time // DAY % 5 + 1)])
        )
        chances.append((0.05, "originalStoreId", ["s1", "s9"]))
    return event | {name: rng.choice(values) for chance, name, values in chances if rng.random() < chance}
