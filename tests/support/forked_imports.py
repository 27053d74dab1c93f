"""Import what processes on Quix Streams import, for the forks of `tests.support.forked`."""

# Takes as long as all the rest together; a process needs it if its configuration names a model of River.
import river.anomaly  # noqa: F401

from streamer.observe.quick_import import importing_quix

with importing_quix():
    import streamer.cli.commands
    import streamer.detection.app
    import streamer.sinks.sink_app  # noqa: F401
