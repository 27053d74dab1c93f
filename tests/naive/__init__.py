"""The contract once more, written as plainly as possible: it is slow, forgets nothing and shares no code."""
