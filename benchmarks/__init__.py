"""Speed and size, each figure beside its floor in the same run: ``python -m benchmarks``."""
