"""The lines of a store's receipts, kept for as long as they can be taken back."""

from __future__ import annotations

import pytest

from retail_anomaly.core.kept_lines import KeptLines
from retail_anomaly.core.local_time import UTC, LocalTime
from retail_anomaly.core.receipts import Numbering
from tests.support.events import DAY, sale


@pytest.mark.parametrize("customers", [1, 2, 3])
@pytest.mark.parametrize("cards", [1, 2, 5])
def test_every_line_is_found_wherever_the_rows_of_tokens_end_a_chunk(customers: int, cards: int) -> None:
    lines = KeptLines(Numbering("store", LocalTime(UTC)), keep=DAY)
    for n in range(1_500):
        customer, card = f"c{n}" if n % customers == 0 else None, f"k{n}" if n % cards == 0 else None
        event = sale(n, transaction_id=f"t{n}", customer_token=customer, card_token=card)
        lines.add(event, 1, event.event_time)
    assert [n for n in range(1_500) if len(lines.of_number(f"t{n}")) != 1] == []
