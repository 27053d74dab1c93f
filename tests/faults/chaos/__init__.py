"""Faults in random order over running days, with both models; alerts must be a replay's.

The processes beside the streamers, such as the sink and `notify`, must have the results that they have alone.

`python -m tests.faults.chaos --seed 7 --minutes 10` tells the story of a seed while it happens. The same seed
draws the same faults in the same order; how far the processes have got by then depends on the machine.
"""
