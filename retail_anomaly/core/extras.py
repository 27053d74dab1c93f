"""The optional dependencies: which extra of our package installs a module that is missing."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from typing import Final

from retail_anomaly.core.errors import UsageError

DISTRIBUTION: Final = "retail-anomaly"
# Extras that a user never needs to run a command.
_FOR_DEVELOPERS: Final = ("all", "dev", "docs")
_REQUIREMENT: Final = re.compile(r"^(?P<name>[\w.-]+).*?(?:extra\s*==\s*['\"](?P<extra>[\w.-]+)['\"])?$")


class MissingExtraError(UsageError, ModuleNotFoundError):
    """An optional dependency is not installed; the text is one line that says how to install it.

    Examples
    --------
    >>> raise MissingExtraError("river is not installed: pip install 'retail-anomaly[river]'")
    Traceback (most recent call last):
    retail_anomaly.core.extras.MissingExtraError: river is not installed: pip install 'retail-anomaly[river]'
    """


def missing_extra(module: str, package: metadata.Distribution | None = None) -> str | None:
    """Return how to install one of our optional dependencies, or None for a module that is none of them.

    The extras are those of the installed package, so that no second list can differ from them. If several
    extras bring the module, the smallest is named. If the package was installed from a folder, as
    ``pip install .`` does, the text names that way too, since pip may find none elsewhere.

    Parameters
    ----------
    module
        The module that is missing.
    package
        The installed package; None: ours.

    Examples
    --------
    >>> missing_extra("quixstreams.models")  # doctest: +ELLIPSIS
    "quixstreams is not installed: pip install 'retail-anomaly[streamer]'..."
    >>> missing_extra("pyarrow.parquet")  # doctest: +ELLIPSIS
    "pyarrow is not installed: pip install 'retail-anomaly[parquet]'..."
    >>> missing_extra("antigravity")
    """
    wanted = _normal(module.partition(".")[0])
    try:
        package = package or metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # The folders were copied and not installed.
        return f"{wanted} is not installed: pip install {wanted}"
    requirements = package.requires or []
    brought: dict[str | None, list[str]] = {}
    for match in filter(None, map(_REQUIREMENT.match, requirements)):
        brought.setdefault(match["extra"], []).append(_normal(match["name"]))
    extras = [extra for extra, names in brought.items() if wanted in names]
    if not extras:
        return None
    ours = [extra for extra in extras if extra not in (None, *_FOR_DEVELOPERS)]
    extra = min(ours, key=lambda extra: len(brought[extra]), default=None)
    if extra is None:
        return f"{wanted} is not installed: pip install {wanted}"
    advice = f"{wanted} is not installed: pip install '{DISTRIBUTION}[{extra}]'"
    return f"{advice}, or in the project's folder pip install '.[{extra}]'" if _of_folder(package) else advice


def require(*modules: str) -> None:
    """Check that optional dependencies are there, before work begins that needs them.

    Raises
    ------
    MissingExtraError
        One is not; the text says how to install it.

    Examples
    --------
    >>> require("json", "typer")
    """
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(missing_extra(module) or f"{module} is not installed", name=module)


@contextmanager
def extra_imports() -> Iterator[None]:
    """Import optional dependencies in this block: a missing one is an error that says how to install it.

    Raises
    ------
    MissingExtraError
        A module of an extra is missing. The error of any other missing module stays as it is.

    Examples
    --------
    >>> with extra_imports():
    ...     import msgspec
    """
    try:
        yield
    except ModuleNotFoundError as error:
        advice = missing_extra(error.name or "")
        if advice is None or isinstance(error, MissingExtraError):
            raise
        raise MissingExtraError(advice, name=error.name) from None


def _of_folder(package: metadata.Distribution) -> bool:
    """Tell whether pip installed the package from a folder, editable or not."""
    return "dir_info" in json.loads(package.read_text("direct_url.json") or "{}")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
