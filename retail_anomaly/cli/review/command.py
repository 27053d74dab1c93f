"""The command `retail-anomaly review`."""

import getpass
import os
import socket
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import ConfigFile
from retail_anomaly.core.errors import UsageError

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def review(
    alerts: Annotated[
        Path,
        typer.Argument(
            help="Alerts, JSON lines, as replay writes them. Appended alerts appear on the board."
        ),
    ],
    *,
    actions: Annotated[
        Path | None,
        typer.Option(
            help="The file that your decisions are appended to. Default: beside the alerts, .actions.jsonl."
        ),
    ] = None,
    config: ConfigFile = None,
    name: Annotated[
        str | None, typer.Option("--as", help="The name under which you act. Default: your login.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Any but this machine's own needs --user-header.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0: any free one.")] = 8090,
    user_header: Annotated[
        str | None,
        typer.Option(
            help="Behind a proxy: the header in which it names the person, such as X-Forwarded-User."
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the board in a browser.")] = True,
) -> None:
    """Read cases in the order of their probability, and judge them: a board in your browser.

    Example: retail-anomaly review alerts.jsonl

    The board runs until you press Ctrl-C. Each decision is a line of the actions file. Start the board again
    with the same files, and it shows the cases as you left them.
    """
    if host not in _LOOPBACK and user_header is None:
        raise UsageError(f"--host {host}: everybody could act under your name; give --user-header too")
    file = actions or alerts.with_suffix(".actions.jsonl")
    require_writable(file)
    with alerts.open("rb"):
        pass  # The error names the file.
    serve_board(
        *(alerts, file, config), name=name, host=host, port=port, user_header=user_header, browser=browser
    )


def serve_board(
    alerts: Path,
    actions: Path,
    config: Path | None = None,
    *,
    name: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    user_header: str | None = None,
    browser: bool = True,
) -> None:
    """Serve the board until Ctrl-C; the parameters are those of the command."""
    import uvicorn

    from retail_anomaly.cli.review.access import Rules
    from retail_anomaly.cli.review.case_files import CaseFiles
    from retail_anomaly.cli.review.web import new_board
    from retail_anomaly.frames.words import plural
    from retail_anomaly.settings import load

    cases = CaseFiles(alerts, actions, load(config).settings)
    cases.refresh()
    rules = Rules(
        name or getpass.getuser(), user_header=user_header, hosts=() if user_header else (*_LOOPBACK, "[::1]")
    )
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
            server.listen()  # before the address is printed: a browser that is quick waits, and is answered
        except OSError as error:
            advice = "choose another port, or 0 for any free one"
            raise UsageError(f"--port {port}: {error.strerror}; {advice}") from None
        address = f"http://{f'[{host}]' if ':' in host else host}:{server.getsockname()[1]}/"
        secret = "" if user_header else f"?token={rules.token}"
        waiting = plural(len(cases.waiting()), "open case")
        typer.echo(f"{waiting} on {address}{secret} (Ctrl-C ends the board)")
        if browser and not user_header and _has_screen():
            webbrowser.open(f"{address}{secret}")
        with suppress(KeyboardInterrupt):  # Ctrl-C is the ordinary end
            uvicorn.Server(uvicorn.Config(new_board(cases, rules), log_level="warning")).run([server])
    typer.echo(f"Your decisions: {actions}", err=True)


def _has_screen() -> bool:
    # Without one Python would start a text browser, and the board would wait for its end.
    return sys.platform in {"darwin", "win32"} or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
