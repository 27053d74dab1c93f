"""The report: one HTML page that opens offline and needs nothing beside itself.

`retail_anomaly.report.page.write_report` writes it; here is only the command, for what draws the
page takes long to import.
"""

from retail_anomaly.report.command import report

__all__ = ["report"]
