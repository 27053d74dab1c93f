"""Sales of a store: how many receipts are usual at this hour of this weekday, and how far off is too far."""

from retail_anomaly.models.sales.history import HORIZONS, SalesHistory
from retail_anomaly.models.sales.sales_model import SalesModel
from retail_anomaly.models.sales.verdict import JudgedQuarter, SalesTails

__all__ = ["HORIZONS", "JudgedQuarter", "SalesHistory", "SalesModel", "SalesTails"]
