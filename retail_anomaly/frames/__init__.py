"""DataFrames of alerts and events, and their words: between the replay and the figures."""
