"""Import what every process on Quix Streams imports, for the forks of `tests.support.forked`."""

from streamer.observe import logs

with logs.without_httpx_notice():
    import streamer.cli.commands
    import streamer.detection.app
    import streamer.sinks.sink_app  # noqa: F401
