"""The report and the scorecard: HTML pages that open offline and need nothing beside themselves.

`retail_anomaly.report.page.write_report` and `retail_anomaly.report.scorecard.write_scorecard` write
them; here are only the commands, for what draws the pages takes long to import.
"""

from retail_anomaly.report.command import report
from retail_anomaly.report.evaluate import evaluate

__all__ = ["evaluate", "report"]
