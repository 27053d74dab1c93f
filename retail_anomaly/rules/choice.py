"""Facts about the packaged rules that need no loading of them: the default choice, the types they name."""

from typing import Final

DEFAULT_CHOICE: Final = (
    "card_velocity",
    "deep_discount",
    "gift_drain",
    "gift_velocity",
    "line_void_rate",
    "no_sale_abuse",
    "post_void_cash",
    "price_override_rate",
    "round_amounts",
    "self_approved",
    "sweetheart",
    "void_rate",
)
"""The packaged rules that are live if you say `rules: {choice: default}`.

Each finds its scenario of the simulator, in which honest people do the same kinds of things.
Together they raise at most 0.3 alerts a store-day there in honest trade.
"""

PACKAGED_TYPES: Final = frozenset(
    {
        "CASH_COUNT",
        "DRAWER_OPEN",
        "GIFT_CARD_LOAD",
        "GIFT_CARD_REDEEM",
        "GIFT_LOAD",
        "GIFT_REDEEM",
        "LINE_VOID",
        "NO_SALE",
        "PAID_OUT",
        "POST_VOID",
        "PRICE_OVERRIDE",
        "RECEIPT_COPY",
        "REFUND",
        "REPRINT",
        "RESUME",
        "RESUMED",
        "SALE",
        "SUSPEND",
        "SUSPENDED",
        "VOID",
    }
)
"""The event types that rules of the pack `pos` name; those of the other packs name no further ones."""
