"""The command `retail-streamer broker`."""

import signal

import typer

from streamer.cli.options import end_quietly


def broker() -> None:
    """Run the demo's broker until you stop it. The first line that it prints is its address.

    It is librdkafka's mock cluster: in memory, on the loopback interface, for a demo and nothing more.
    Give its address to the other commands: --broker ADDRESS --embedded-broker.

    Example: retail-streamer broker
    """
    end_quietly()
    from streamer.kafka.embedded_broker import EmbeddedBroker

    with EmbeddedBroker() as embedded:
        typer.echo(embedded.address)
        while True:
            signal.pause()
