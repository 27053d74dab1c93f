"""The log, metrics, health and status of a process."""
