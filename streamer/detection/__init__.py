"""The application that raises alerts: pipeline, state and ticks."""
