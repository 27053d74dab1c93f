"""What a process tells of itself: log, metrics, health, status."""
