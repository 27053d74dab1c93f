"""Grafana's dashboards and alert rules as code: ``python -m helm.dashboards`` writes the chart's files.

`panels` has the kinds of panels, `boards` the dashboards, `rules` what Grafana alerts on, `preview`
a picture of a dashboard without Grafana. A test compares what is committed.
"""
