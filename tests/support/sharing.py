"""How several workers share the tests (`pytest -n 2`): by file, in the order of a run with one worker."""

from __future__ import annotations

from itertools import groupby

from xdist.scheduler import LoadScopeScheduling

# Their tests are long and share no costly fixture. One by one, the workers end at the same time.
SINGLY = ("tests/faults/", "tests/contract/test_registry.py")


def scopes_of(collection: list[str]) -> dict[str, str]:
    """Return for each test the piece of work that it belongs to, pieces in the order of the tests.

    Tests of one file that stand together are one piece: they share the fixtures of their module. A file in
    which only some tests need Kafka is two pieces, since the order puts those tests later.

    Examples
    --------
    >>> scopes = scopes_of(["a.py::one", "a.py::two", "b.py::one", "a.py::on_kafka"])
    >>> list(scopes.values())
    ['0 a.py', '0 a.py', '1 b.py', '2 a.py']
    """
    scopes = {}
    for number, (file, tests) in enumerate(groupby(collection, _file_or_test)):
        scopes.update(dict.fromkeys(tests, f"{number} {file}"))
    return scopes


def _file_or_test(nodeid: str) -> str:
    return nodeid if nodeid.startswith(SINGLY) else nodeid.partition("::")[0]


class InOrder(LoadScopeScheduling):
    """Hand out the pieces in the order of the tests, each to the worker that is free first."""

    def schedule(self) -> None:
        """Hand out the first pieces, once every worker has collected the tests."""
        if self.collection is None:
            # Otherwise the longest file would come first.
            self.config.option.loadscopereorder = False
            self._scopes = scopes_of(next(iter(self.registered_collections.values())))
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return self._scopes[nodeid]
