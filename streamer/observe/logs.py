"""The log, on standard error: readable lines on a terminal, else one JSON object a line."""

import logging
import sys
import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import IO, Any, Final

import structlog

from retail_anomaly.core.credentials import masked

_NOTICE: Final = "The httpx module is deprecated"


def configure(level: str = "info", stream: IO[str] | None = None) -> None:
    """Send our log and those of Quix Streams and librdkafka to one place in one form.

    Quix leaves its loggers alone when its `Application` gets ``loglevel=None``.

    Parameters
    ----------
    level
        ``debug``, ``info``, ``warning`` or ``error``; less important messages are left out.
    stream
        The place, standard error by default. A terminal gets readable lines, anything else JSON.
    """
    stream = stream or sys.stderr
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    if stream.isatty():
        final: list[Any] = [_mask_credentials, structlog.dev.ConsoleRenderer(timestamp_key="time")]
    else:
        final = [
            structlog.processors.format_exc_info,
            _mask_credentials,
            structlog.processors.JSONRenderer(default=str),
        ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _mask_credentials(
    _logger: Any, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in entry.items():
        if isinstance(value, str):
            entry[name] = masked(value)
    return entry


def leave_to_host() -> None:
    """Hand our log to Python's `logging`: a notebook or a test then sees warnings and sets levels as usual.

    It changes nothing if `configure` or the host has configured structlog already.
    """
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )


def is_configured() -> bool:
    """Tell whether `configure` has taken over the log of this process."""
    formatters = (handler.formatter for handler in logging.getLogger().handlers)
    return any(isinstance(formatter, structlog.stdlib.ProcessorFormatter) for formatter in formatters)


@contextmanager
def without_httpx_notice() -> Iterator[None]:
    """Import Quix Streams inside, without the deprecation notice of one of its dependencies.

    A warnings filter can't do this beforehand, because the dependency sets its own when it is imported. Other
    warnings pass.

    Examples
    --------
    >>> with without_httpx_notice():
    ...     warnings.warn("The httpx module is deprecated; use another.", DeprecationWarning)
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if not str(warning.message).startswith(_NOTICE):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno, source=warning.source
            )
