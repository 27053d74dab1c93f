"""Alerts and figures in InfluxDB, for people and their dashboards."""
