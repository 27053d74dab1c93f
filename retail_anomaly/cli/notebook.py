"""The command `retail-anomaly notebook`: copies our notebooks to your folder and opens JupyterLab."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.quantities import plural
from retail_anomaly.whole_file import write_whole

_PACKAGE: Final = Path(__file__).resolve().parents[1]
# A wheel has the notebooks inside the package, a checkout beside it.
_PLACES: Final = (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks")
_SUFFIXES: Final = (".ipynb", ".parquet", ".yaml", ".md")


class NotebookError(RetailAnomalyError):
    """The notebooks can't be copied; the message says how to go on."""


def notebook(
    folder: Annotated[Path, typer.Option(help="Folder to copy them to; it is created if need be.")] = Path(
        "notebooks"
    ),
    *,
    start: Annotated[
        bool, typer.Option("--start/--no-start", help="Open JupyterLab, or only copy the notebooks.")
    ] = True,
) -> int:
    """Copy the notebooks to a folder of yours and open JupyterLab.

    A notebook that is there already is never overwritten, so your changes are safe.

    Example: retail-anomaly notebook --folder notebooks
    """
    if start and find_spec("jupyterlab") is None:
        raise UsageError(
            "JupyterLab is not installed: pip install 'retail-anomaly[notebook,streamer]', or copy the "
            "notebooks alone with --no-start"
        )
    copied, kept = copy_notebooks(folder)
    typer.echo(f"{folder}: {plural(len(copied), 'file')} copied", err=True)
    for path in kept:
        typer.echo(f"{path}: kept as it is, though the package has another; rename yours to get it", err=True)
    if not start:
        return 0
    return subprocess.run([sys.executable, "-m", "jupyterlab", str(folder)], check=False).returncode


def copy_notebooks(folder: Path) -> tuple[list[Path], list[Path]]:
    """Copy the notebooks and their data to a folder. Files that are there already stay as they are.

    Parameters
    ----------
    folder
        Created if it is not there.

    Returns
    -------
    tuple of two lists of Path
        The files that were copied, and the files that were kept although they differ from ours.

    Raises
    ------
    NotebookError
        The notebooks are not in this installation, or the folder is a file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as there:
    ...     copied, _ = copy_notebooks(Path(there))
    ...     again = copy_notebooks(Path(there))
    >>> "00_quickstart.ipynb" in {path.name for path in copied}, again
    (True, ([], []))
    """
    if folder.exists() and not folder.is_dir():
        raise NotebookError(f"{folder} is a file: choose a folder with --folder")
    origin = origin_of_notebooks()
    copied, kept = [], []
    for source in sorted(path for path in origin.rglob("*") if _belongs(path.relative_to(origin))):
        target = folder / source.relative_to(origin)
        content = source.read_bytes()
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content)
            copied.append(target)
        elif target.read_bytes() != content:
            kept.append(target)
    return copied, kept


def origin_of_notebooks() -> Path:
    """Return the folder that holds the notebooks of this installation.

    Raises
    ------
    NotebookError
        There is none.
    """
    for place in _PLACES:
        if any(place.glob("*.ipynb")):
            return place
    raise NotebookError(f"this installation has no notebooks (looked in {', '.join(map(str, _PLACES))})")


def _belongs(path: Path) -> bool:
    # Jupyter's own copies are hidden.
    return path.suffix in _SUFFIXES and not any(part.startswith(".") for part in path.parts)
