"""The one error of a tuning that can't be done."""


class TuneError(ValueError):
    """What can't be tuned, or not that way; its text is one line that says what to do next."""
