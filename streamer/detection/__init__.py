"""The process that raises alerts: its pipeline, state and ticks."""
