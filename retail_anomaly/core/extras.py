"""The optional dependencies: which extra of our package installs a module that is missing."""

import re
from importlib import metadata
from importlib.util import find_spec
from typing import Final

from retail_anomaly.core.errors import UsageError

DISTRIBUTION: Final = "retail-anomaly"
# Extras that a user never needs to run a command.
_FOR_DEVELOPERS: Final = ("all", "dev", "docs")
_REQUIREMENT: Final = re.compile(r"^(?P<name>[\w.-]+).*?(?:extra\s*==\s*['\"](?P<extra>[\w.-]+)['\"])?$")


def missing_extra(module: str) -> str | None:
    """Return how to install one of our optional dependencies, or None for a module that is none of them.

    The extras are those of the installed package, so that no second list can differ from them. If several
    extras bring the module, the smallest is named.

    Examples
    --------
    >>> missing_extra("quixstreams.models")
    "quixstreams is not installed: pip install 'retail-anomaly[streamer]'"
    >>> missing_extra("pyarrow.parquet")
    "pyarrow is not installed: pip install 'retail-anomaly[parquet]'"
    >>> missing_extra("antigravity")
    """
    wanted = _normal(module.partition(".")[0])
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # The folders were copied and not installed.
        return f"{wanted} is not installed: pip install {wanted}"
    brought: dict[str | None, list[str]] = {}
    for match in filter(None, map(_REQUIREMENT.match, requirements)):
        brought.setdefault(match["extra"], []).append(_normal(match["name"]))
    extras = [extra for extra, names in brought.items() if wanted in names]
    if not extras:
        return None
    ours = [extra for extra in extras if extra not in (None, *_FOR_DEVELOPERS)]
    extra = min(ours, key=lambda extra: len(brought[extra]), default=None)
    source = f"'{DISTRIBUTION}[{extra}]'" if extra else wanted
    return f"{wanted} is not installed: pip install {source}"


def require(*modules: str) -> None:
    """Check that optional dependencies are there, before work begins that needs them.

    Raises
    ------
    UsageError
        One is not; the text says how to install it.

    Examples
    --------
    >>> require("json", "typer")
    """
    for module in modules:
        if find_spec(module) is None:
            raise UsageError(missing_extra(module) or f"{module} is not installed")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
