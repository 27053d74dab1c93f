"""Where tasks run: any executor of `concurrent.futures`, or a cluster of Dask or Ray."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.extras import require

LOCAL: Final = "local"
_FORMS: Final = "local, dask://HOST:PORT, dask+tls://HOST:PORT or ray://HOST:PORT"


class ClusterError(RetailAnomalyError, RuntimeError):
    """A cluster does not answer, or its workers can't do the work."""


def check_executor(name: str) -> None:
    """Check the form of an executor's name, and that what it needs is installed.

    Raises
    ------
    UsageError
        It is none of the known forms.
    MissingExtraError
        The extra `dask` or `ray` is not installed.

    Examples
    --------
    >>> check_executor("spark://host")
    Traceback (most recent call last):
    retail_anomaly.core.errors.UsageError: --executor is local, dask://HOST:PORT, dask+tls://HOST:PORT
    or ray://HOST:PORT, not 'spark://host'
    """
    kind, _, address = name.partition("://")
    if name != LOCAL and (kind not in _OPENED or not address):
        raise UsageError(f"--executor is {_FORMS}, not {name!r}")
    if name != LOCAL:
        require("ray" if kind == "ray" else "distributed")


@contextmanager
def opened_executor(name: str, patience: float = 20.0) -> Iterator[Executor]:
    """Connect to a cluster; the connection ends with the block, and the cluster stays.

    Parameters
    ----------
    name
        ``dask://host:port``, ``dask+tls://host:port`` or ``ray://host:port``, as `check_executor` takes it.
    patience
        How long to wait for an answer, in seconds.

    Raises
    ------
    ClusterError
        Nobody answers there, or with another version.
    """
    kind, _, address = name.partition("://")
    with _OPENED[kind](address, patience) as executor:
        yield executor


@contextmanager
def _dask(address: str, patience: float, protocol: str = "tcp") -> Iterator[Executor]:
    from distributed import Client  # Here: only the extra `dask` installs it.

    try:
        # The certificates of TLS are those of Dask's own configuration.
        client = Client(f"{protocol}://{address}", timeout=patience, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise _unanswered(f"dask://{address}", error) from None
    with client:
        yield client.get_executor(pure=False)


@contextmanager
def _dask_tls(address: str, patience: float) -> Iterator[Executor]:
    with _dask(address, patience, "tls") as executor:
        yield executor


@contextmanager
def _ray(address: str, patience: float) -> Iterator[Executor]:
    from retail_anomaly.replay.ray_executor import connected

    with ExitStack() as stack:
        try:
            executor = stack.enter_context(connected(address, patience))
        except Exception as error:  # noqa: BLE001 - each of Ray's layers has errors of its own
            raise _refused(f"ray://{address}", error) from None
        yield executor


def _refused(name: str, error: Exception) -> ClusterError:
    said = " ".join(str(error).split())
    if said.startswith("Version mismatch"):
        return ClusterError(f"{name}: {said}: install one version of Ray and of Python everywhere")
    if type(error).__name__ == "AuthenticationError":
        return ClusterError(f"{name}: {said[:200]}")
    hint = "" if isinstance(error, ConnectionRefusedError) else ", with the same RAY_AUTH_TOKEN and TLS"
    return _unanswered(name, error, hint)


def _unanswered(name: str, error: Exception, hint: str = "") -> ClusterError:
    said = " ".join(str(error).split())[-200:]  # the end: some texts are tracebacks
    return ClusterError(
        f"{name} does not answer ({said}): is the cluster up, and is it reached from here{hint}?"
    )


_OPENED: Final[dict[str, Callable[[str, float], Any]]] = {"dask": _dask, "dask+tls": _dask_tls, "ray": _ray}
