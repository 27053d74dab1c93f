"""Rules for all notebooks, and their output in a real kernel."""
