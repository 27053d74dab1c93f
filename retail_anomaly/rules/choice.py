"""The default choice: the packaged rules that are live if you say `rules: {choice: default}`."""

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
"""Each finds its scenario of the simulator, in which honest people do the same kinds of things.

Together they raise at most 0.3 alerts a store-day there in honest trade.
"""
