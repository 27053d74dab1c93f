"""The command `retail-anomaly`, and the frame that the other two commands use as well."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `retail-anomaly`; return its exit code: 0 done, 1 failed, 2 not understood.

    Examples
    --------
    >>> main(["--version"])
    retail-anomaly ...
    0
    """
    # Here: the other commands import the frame from this folder, and none of these commands.
    from retail_anomaly.cli.commands import app
    from retail_anomaly.cli.frame import run_command

    return run_command(app, "retail-anomaly", arguments)
