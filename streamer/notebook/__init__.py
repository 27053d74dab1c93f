"""A running system in a notebook: a streamer in this process, live alerts, a board."""
