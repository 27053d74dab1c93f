"""The command `retail-anomaly notebook`: the package's notebooks, in the user's folder and in JupyterLab."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from retail_anomaly.core.errors import RetailAnomalyError

_PACKAGE: Final = Path(__file__).resolve().parents[1]
# In a wheel they are inside the package, in a checkout beside it.
_PLACES: Final = (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks")
_SUFFIXES: Final = (".ipynb", ".parquet", ".yaml", ".md")


class NotebookError(RetailAnomalyError):
    """The notebooks can't be copied or opened; the message says what to do."""


def notebook(
    folder: Annotated[Path, typer.Option(help="Where they go; made if it is not there.")] = Path("notebooks"),
    *,
    start: Annotated[
        bool, typer.Option("--start/--no-start", help="Open JupyterLab there, or only copy.")
    ] = True,
) -> int:
    """Copy the notebooks to your folder and open JupyterLab.

    What you have changed there is never written over.

    Example: retail-anomaly notebook --folder notebooks
    """
    if start and find_spec("jupyterlab") is None:
        raise NotebookError(
            "JupyterLab is not installed: pip install 'retail-anomaly[notebook,streamer]', or copy the notebooks "
            "alone with --no-start"
        )
    copied, kept = copy_notebooks(folder)
    typer.echo(f"{folder}: {len(copied)} files copied", err=True)
    for path in kept:
        typer.echo(f"{path}: kept as it is, though the package has another; rename yours to get it", err=True)
    if not start:
        return 0
    return subprocess.run([sys.executable, "-m", "jupyterlab", str(folder)], check=False).returncode


def copy_notebooks(folder: Path) -> tuple[list[Path], list[Path]]:
    """Copy the notebooks and their data to a folder; a file that is there already stays as it is.

    Parameters
    ----------
    folder
        Made if it is not there.

    Returns
    -------
    tuple of two lists of Path
        The files that were copied, and those that were kept although they differ from the package's.

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
            target.write_bytes(content)
            copied.append(target)
        elif target.read_bytes() != content:
            kept.append(target)
    return copied, kept


def origin_of_notebooks() -> Path:
    """Return the folder in which this installation has the notebooks.

    Raises
    ------
    NotebookError
        It has none.
    """
    for place in _PLACES:
        if any(place.glob("*.ipynb")):
            return place
    raise NotebookError(f"this installation has no notebooks (looked in {', '.join(map(str, _PLACES))})")


def _belongs(path: Path) -> bool:
    # Jupyter's own copies are hidden.
    return path.suffix in _SUFFIXES and not any(part.startswith(".") for part in path.parts)
