"""The command `retail-streamer`."""

from streamer.cli.commands import app, main

__all__ = ["app", "main"]
