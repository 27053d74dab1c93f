"""Calls shared among the processes of this machine, or among the workers of an executor."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias

from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.extras import DISTRIBUTION
from retail_anomaly.replay.executors import LOCAL, ClusterError, check_executor, opened_executor
from retail_anomaly.replay.sent_work import Call, do_all_sent, do_sent, portable, version
from retail_anomaly.workers import Workers, core_count, detectors_are_importable

Where: TypeAlias = Executor | str
Done: TypeAlias = Iterator[tuple[int, Any]]


class SharedWork:
    """Where calls are done; `shared_work` opens one.

    Parameters
    ----------
    share
        Does some calls and yields the place of each among them with its result, as they come.
    """

    def __init__(self, share: Callable[[Sequence[Call]], Done]) -> None:
        self._share = share

    def as_done(self, calls: Sequence[Call]) -> Done:
        """Do calls, and yield the place of each with its result, as they come."""
        return self._share(calls)

    def in_order(self, calls: Sequence[Call]) -> list[Any]:
        """Do calls, and return their results in their order."""
        return [result for _, result in sorted(self._share(calls), key=itemgetter(0))]


def check_shared(where: Where) -> None:
    """Check, before anything is read, that calls can be shared there.

    Raises
    ------
    UsageError
        It is no executor, or other processes can't import a registered detector.
    MissingExtraError
        The extra that it needs is not installed.
    """
    if isinstance(where, str):
        check_executor(where)
    if not detectors_are_importable():
        raise UsageError(
            "a registered detector is defined in a script or notebook, which other processes can't import: "
            "put it into a module, or leave out the executor"
        )


@contextmanager
def shared_work(where: Where, jobs: int, failed: str) -> Iterator[SharedWork]:
    """Open the place where calls are done; a connection to a cluster ends with the block.

    Parameters
    ----------
    where
        An executor, ``local``, or an address as `opened_executor` takes it.
    jobs
        How many processes ``local`` starts; 0: one for each core.
    failed
        The error of a call, with braces where its reason stands.

    Raises
    ------
    ClusterError
        The cluster does not answer; in the block, a call failed there.

    Examples
    --------
    >>> with shared_work("local", jobs=2, failed="no length ({})") as work:
    ...     work.in_order([(len, ("four",)), (len, ("three",))])
    [4, 5]
    """
    if isinstance(where, Executor):
        yield SharedWork(partial(_submitted, where, failed))
    elif where == LOCAL:
        yield SharedWork(partial(_in_processes, jobs or core_count()))
    else:
        with opened_executor(where) as executor:
            yield SharedWork(partial(_submitted, executor, failed))


def _in_processes(jobs: int, calls: Sequence[Call]) -> Done:
    sent = list(enumerate(map(portable, calls)))
    jobs = min(jobs, len(sent))
    if jobs <= 1:
        for number, call in sent:
            yield number, do_sent(*call)
        return
    with Workers(do_all_sent, [(sent[start::jobs],) for start in range(jobs)]) as workers:
        for _, done in workers.results():
            yield done


def _submitted(executor: Executor, failed: str, calls: Sequence[Call]) -> Done:
    futures: dict[Future[Any], int] = {}
    try:
        for number, call in enumerate(calls):
            futures[executor.submit(do_sent, *portable(call))] = number
        for future in as_completed(futures):
            yield futures[future], future.result()
    except Exception as error:  # noqa: BLE001 - each executor has errors of its own
        raise _told(error, failed) from None
    finally:
        for future in futures:
            future.cancel()


def _told(error: Exception, failed: str) -> Exception:
    """Return the error of a call as one line."""
    if isinstance(error, RetailAnomalyError):
        return error
    said = " ".join(str(error).split())
    if "No module named 'retail_anomaly" in said:
        return ClusterError(
            f"a worker has no {DISTRIBUTION}: install {DISTRIBUTION}=={version()} on each machine of the "
            "cluster"
        )
    return ClusterError(failed.format(f"{type(error).__name__}: {said[-300:]}"))
