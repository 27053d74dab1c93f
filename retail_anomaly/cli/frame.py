"""The frame of our commands: it parses, runs, reports an error in one line and returns an exit code.

`retail-anomaly`, `retail-streamer` and `retail-datagen` all run inside `run_command`.
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from retail_anomaly.cli.ending import interrupted_as_first
from retail_anomaly.core.credentials import masked
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.extras import DISTRIBUTION, missing_extra
from retail_anomaly.whole_file import check_writable

DONE: Final = 0
FAILED: Final = 1
MISUSED: Final = 2
# typer returns this after Ctrl-C, or raises KeyboardInterrupt or Abort: it depends on its release.
_INTERRUPTED: Final = 130
# typer raises this for a command line that it does not understand; it has no public name.
_TYPER_USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__mro__[1]

Tell: TypeAlias = Callable[[str, BaseException | None], None]
"""Reports a message and the error behind it."""


def new_app(summary: str) -> typer.Typer:
    """Return an app without commands that has `--version`.

    Parameters
    ----------
    summary
        The first paragraph of its `--help`.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None, help=summary)

    @app.callback()
    def options(
        version: Annotated[
            bool,
            typer.Option(
                "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
            ),
        ] = False,
    ) -> None:
        """Take the options that come before the command."""

    return app


def run_command(
    app: typer.Typer, name: str, arguments: Sequence[str] | None = None, *, tell: Tell | None = None
) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 not understood.

    Parameters
    ----------
    app
        The commands. One that returns an integer chooses its exit code.
    name
        The program's name; each message begins with it.
    arguments
        The command line after the program's name; by default `sys.argv`.
    tell
        Reports an error; by default as one line on standard error.

    Examples
    --------
    >>> from retail_anomaly.core.errors import UsageError
    >>> app = new_app("Count.")
    >>> @app.command()
    ... def half(number: int) -> None:
    ...     if number % 2:
    ...         raise UsageError(f"expected an even number, got {number}")
    ...     print(number // 2)
    >>> run_command(app, "count", ["half", "4"])
    2
    0
    >>> run_command(app, "count", ["half", "5"], tell=lambda message, error: print(message))
    expected an even number, got 5
    2
    """
    try:
        _require_standard_output()
        with interrupted_as_first():
            result = app(args=arguments, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        if result == _INTERRUPTED:
            raise KeyboardInterrupt
    except BrokenPipeError:
        _discard_output()  # The reader, such as `head`, has enough.
        return FAILED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - you get one line, whatever went wrong
        message, code = _explained(error, name)
        message = masked(message)  # an address with a password, for example
        if tell is None:
            print_error(name, message)
        else:
            tell(message, error)
        return code
    return result if isinstance(result, int) else DONE


def print_error(name: str, message: str) -> None:
    """Print an error of the program `name` on standard error, in one line."""
    typer.echo(f"{name}: {message}", err=True)


def _require_standard_output() -> None:
    # Python has no stream for a descriptor that was closed when it started, as by `>&-` in a shell. The next
    # file that a command opens would get this descriptor.
    if sys.stdout is None:
        raise RetailAnomalyError("standard output is closed")


def _explained(error: BaseException, name: str) -> tuple[str, int]:
    """Return the one line about an error, and the exit code."""
    if isinstance(error, _TYPER_USAGE_ERROR):
        said = error.format_message() if hasattr(error, "format_message") else str(error)
        return f"{_one_line(said).removesuffix('.')} (see {_path_of(error) or name} --help)", MISUSED
    if isinstance(error, RetailAnomalyError):
        return _one_line(str(error)), error.exit_code
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "stopped before the end", FAILED
    if isinstance(error, ModuleNotFoundError) and (advice := missing_extra(error.name or "")):
        return advice, MISUSED
    if isinstance(error, OSError):
        place = error.filename or ("standard output" if _output_fails() else None)
        return _one_line(f"{f'{place}: ' if place else ''}{error.strerror or error}"), FAILED
    at = traceback.extract_tb(error.__traceback__)[-1]
    said = _one_line(f"{type(error).__name__}: {error}")
    return f"{said} (at {Path(at.filename).name}:{at.lineno}): please report it", FAILED


def installed_version() -> str:
    """Return the version of the installed package, or ``unknown`` where its folders were only copied."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def require_writable(*outputs: Path | None) -> None:
    """Check, before a command does its work, that it can write its files.

    Raises
    ------
    OSError
        A file is a folder, its folder is missing, or you may not write it; the error names the file.

    Examples
    --------
    >>> require_writable(Path("report.html"), None)
    >>> require_writable(Path("nowhere/report.html"))
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere/report.html'
    """
    for path in outputs:
        if path is not None:
            check_writable(path)


def _show_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        typer.echo(f"{context.find_root().info_name} {installed_version()}")
        raise typer.Exit


def _output_fails() -> bool:
    """Return whether standard output is a full disk: its text still waits and cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()
        return True
    return False


def _discard_output() -> None:
    # Python would fail once more, with an exit code of its own, when it flushes standard output at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _path_of(error: Exception) -> str | None:
    context = getattr(error, "ctx", None)
    return context.command_path if context else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
