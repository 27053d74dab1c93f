"""Import what every process on Quix Streams imports, for the forks of `tests.support.forked`."""

from streamer.observe.quick_import import importing_quix

with importing_quix():
    import streamer.cli.commands
    import streamer.detection.app
    import streamer.sinks.sink_app  # noqa: F401
