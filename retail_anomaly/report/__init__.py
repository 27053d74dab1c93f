"""The report and the scorecard: HTML pages that open offline and need nothing beside themselves.

`retail_anomaly.report.alerts_page.write_report` writes the report of the alerts,
`retail_anomaly.report.scorecard_page.write_scorecard` the scorecard.
"""
