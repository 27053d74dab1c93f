"""The command `retail-anomaly`."""

from retail_anomaly.cli.commands import app, main

__all__ = ["app", "main"]
