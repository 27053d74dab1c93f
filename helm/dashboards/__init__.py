"""Grafana's dashboards and alert rules as code: ``python -m helm.dashboards`` writes the chart's files.

`panels` builds panels, `boards` and `health` the dashboards, `rules` the alert rules. `preview` draws a
dashboard without Grafana. A test compares the committed files with the code.
"""
