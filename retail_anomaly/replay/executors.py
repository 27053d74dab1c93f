"""Where tasks run: any executor of `concurrent.futures`, or a Dask cluster."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, Final

from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.extras import require

LOCAL: Final = "local"
_FORMS: Final = "local, dask://HOST:PORT or dask+tls://HOST:PORT"


class ClusterError(RetailAnomalyError, RuntimeError):
    """A cluster does not answer, or its workers can't do the work."""


def check_executor(name: str) -> None:
    """Check the form of an executor's name, and that what it needs is installed.

    Raises
    ------
    UsageError
        It is none of the known forms.
    MissingExtraError
        The extra `dask` is not installed.

    Examples
    --------
    >>> check_executor("spark://host")
    Traceback (most recent call last):
    retail_anomaly.core.errors.UsageError: --executor is local, dask://HOST:PORT or
    dask+tls://HOST:PORT, not 'spark://host'
    """
    kind, _, address = name.partition("://")
    if name != LOCAL and (kind not in _OPENED or not address):
        raise UsageError(f"--executor is {_FORMS}, not {name!r}")
    if name != LOCAL:
        require("distributed")


@contextmanager
def opened_executor(name: str, patience: str = "20s") -> Iterator[Executor]:
    """Connect to a cluster; the connection ends with the block, and the cluster stays.

    Parameters
    ----------
    name
        ``dask://host:port`` or ``dask+tls://host:port``, as `check_executor` takes it.
    patience
        How long to wait for an answer.

    Raises
    ------
    ClusterError
        Nobody answers there.
    """
    kind, _, address = name.partition("://")
    with _OPENED[kind](address, patience) as executor:
        yield executor


@contextmanager
def _dask(address: str, patience: str, protocol: str = "tcp") -> Iterator[Executor]:
    from distributed import Client  # Here: only the extra `dask` installs it.

    try:
        # The certificates of TLS are those of Dask's own configuration.
        client = Client(f"{protocol}://{address}", timeout=patience, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise _unanswered(f"dask://{address}", error) from None
    with client:
        yield client.get_executor(pure=False)


@contextmanager
def _dask_tls(address: str, patience: str) -> Iterator[Executor]:
    with _dask(address, patience, "tls") as executor:
        yield executor


def _unanswered(name: str, error: Exception) -> ClusterError:
    said = " ".join(str(error).split())[:200]
    return ClusterError(f"{name} does not answer ({said}): is the cluster up, and is it reached from here?")


_OPENED: Final[dict[str, Callable[[str, str], Any]]] = {"dask": _dask, "dask+tls": _dask_tls}
