"""The root of every error that this project raises for you to read."""

import re
from typing import Any, ClassVar, Final

# Characters that end a line or command a terminal; names of columns and ids have them too.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def one_line(text: str) -> str:
    r"""Return a text with its control characters as escapes, so that it is one line of any terminal.

    Examples
    --------
    >>> print(one_line("its columns are sku, net\namount"))
    its columns are sku, net\namount
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class RetailAnomalyError(Exception):
    """Something you can mend went wrong; the text is one line that says how.

    Catch this class to catch every error of `retail_anomaly`, `streamer` and `data_gen`.

    Attributes
    ----------
    exit_code
        The exit code of a command that ends with this error: 1, it failed.

    Examples
    --------
    >>> from retail_anomaly import replay
    >>> try:
    ...     replay("missing.jsonl")
    ... except RetailAnomalyError as error:
    ...     print(error)
    missing.jsonl: no such file or folder
    """

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return one_line(super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        # By default pickle calls the class with the text alone, which fails where `__init__` takes something
        # else.
        return _restored, (type(self), self.args, self.__dict__)


class UsageError(RetailAnomalyError):
    """The command line, the configuration or an argument asks for something impossible.

    Examples
    --------
    >>> UsageError("--topic: expected pos-events, got 'x'").exit_code
    2
    """

    exit_code = 2


def _restored(
    kind: type[RetailAnomalyError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> RetailAnomalyError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error
