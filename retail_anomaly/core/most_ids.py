"""How many ids of a store detectors keep apart: more than any shop has; made-up ones fill no memory."""

from typing import Final

MOST_CASHIERS: Final = 50_000
"""Cashiers of a store within a day. A large store has a few hundred."""
MOST_SKUS: Final = 300_000
"""Articles of a store. A large hypermarket has 150,000."""
