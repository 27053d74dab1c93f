"""The command `retail-streamer`."""

import sys
from collections.abc import Sequence

from retail_anomaly.cli.frame import print_error, run_command

_NAME = "retail-streamer"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `retail-streamer`; return its exit code: 0 done, 1 failed, 2 not understood.

    Examples
    --------
    >>> main(["--version"])
    retail-streamer ...
    0
    """
    from streamer.cli.commands import app

    return run_command(app, _NAME, arguments, tell=_tell)


def _tell(message: str, error: BaseException | None) -> None:
    """Report an error in the form of the log, so that a collector of JSON lines gets it as well."""
    if not sys.modules.get("structlog"):  # No command has configured a log. It may not even be installed.
        print_error(_NAME, message)
        return
    import structlog

    from streamer.observe import logs

    if logs.is_configured() and not sys.stderr.isatty():
        log = structlog.stdlib.get_logger(_NAME)
        log.debug("traceback", exc_info=error)
        log.error(message)
    else:
        print_error(_NAME, message)
