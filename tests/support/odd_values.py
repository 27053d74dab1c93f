"""Random cells, rows and mappings as exports have them, for tests of what reads them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = settings(
    max_examples=int(os.environ.get("READER_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FIELDS = ("transactionId", "storeId", "cashierId", "sku", "amount", "eventType", "eventTime")
GOOD = ("t", "s", "c", "k", "9.5", "SALE", "2025-10-09 08:53:20")
WORDS = st.sampled_from(
    ["", " ", "NULL", "-1", "1.120", "12,50", "\u20ac5", "1e400", "nan", "0012", '"', "a,b", "x;y", "REFUND",
     "NO_SALE", "2025-10-09", "10/9/2025", "1760000000000", "20251009", "9" * 400, "\u0660", "\ud7ff", "\x00",
     "4111111111111111"]
)  # fmt: skip
TEXTS = st.one_of(WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
CELLS = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.datetimes(), st.dates(),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip
ROWS = st.lists(
    st.dictionaries(st.sampled_from([*FIELDS, "quantity", "registerId"]), CELLS), min_size=1, max_size=6
)
MAPPINGS = st.sampled_from(
    [
        None,
        {"negative": "refund", "amount": "per_unit", "decimal": ","},
        {"dates": ["MM/DD/YYYY", "epoch_s", "excel", "YYYYMMDD"], "minor_units": 2},
        {"types": {"SALE": "REFUND"}, "nulls": ["x"], "trim": False, "time_zone": "Africa/Cairo"},
    ]
)
