"""Faults in random order over running days, with both models, the sink and triage; alerts must be a replay's.

`python -m tests.faults.chaos --seed 7 --minutes 10` tells the story of a seed while it happens. The same seed
draws the same faults in the same order; how far the processes have got by then depends on the machine.
"""
