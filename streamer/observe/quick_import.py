"""Import Quix Streams quickly and without a word."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final

from streamer.observe.logs import without_httpx_notice

_GRAMMARS: Final = "rfc3987_syntax"


@contextmanager
def importing_quix() -> Iterator[None]:
    """Import Quix Streams inside.

    It leaves out the deprecation notice of one dependency and the grammars of another. Quix imports
    jsonschema, which checks addresses with rfc3987-syntax where that is installed, as in every notebook
    environment. That package builds its grammars when it is imported, which takes longer than most of the
    rest. Here it is imported when an address is checked for the first time.

    Examples
    --------
    >>> with importing_quix():
    ...     import quixstreams
    """
    is_wanted = _GRAMMARS not in sys.modules and find_spec(_GRAMMARS) is not None
    later = ModuleType(_GRAMMARS)
    later.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]
    if is_wanted:
        sys.modules[_GRAMMARS] = later
    try:
        with without_httpx_notice():
            yield
    finally:
        if sys.modules.get(_GRAMMARS) is later:
            del sys.modules[_GRAMMARS]


def _is_valid_syntax(term: str, value: str) -> bool:
    found: bool = import_module(_GRAMMARS).is_valid_syntax(term, value)
    return found
