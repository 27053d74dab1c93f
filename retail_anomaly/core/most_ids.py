"""How many ids of a store detectors keep apart: more than any shop has; made-up ones fill no memory."""

from typing import Final

MOST_CASHIERS: Final = 50_000
"""Cashiers of a store within a day. A large store has a few hundred."""
MOST_SKUS: Final = 300_000
"""Articles of a store. A large hypermarket has 150,000."""
MOST_SHIFTS_EACH: Final = 500
"""Shifts of an employee that have not ended: more than a year of them."""
MOST_SHIFTS: Final = 400_000
"""Shifts of a store that have not ended: 1,000 employees for more than a year."""
MOST_GROUPS: Final = 300_000
"""Groups of all rules of a store: the receipts and cards of two days in a large hypermarket."""
MOST_ROLES: Final = 200
"""Roles of a store."""
