"""Refunds of a cashier: how many are usual for the cashier, for the role and for the store."""

from retail_anomaly.models.refunds.cashier import DAY, HOUR, MARKS, CashierHistory, RefundLine
from retail_anomaly.models.refunds.links import LinkCounts, p_of_links
from retail_anomaly.models.refunds.refund_model import RefundModel
from retail_anomaly.models.refunds.store_level import StoreRefunds
from retail_anomaly.models.refunds.verdict import RefundTails

__all__ = [
    "DAY",
    "HOUR",
    "MARKS",
    "CashierHistory",
    "LinkCounts",
    "RefundLine",
    "RefundModel",
    "RefundTails",
    "StoreRefunds",
    "p_of_links",
]
