"""The log of a serving process, in one form for us and for libraries.

structlog is loaded when the first line is written: with what it loads itself it costs a quarter of the time that a start takes.
"""

import functools
import logging
import sys
from typing import Any

from counterseal.settings import LogFormat


class Log:
    """What a process tells its operator on standard error."""

    def __init__(self, form: LogFormat) -> None:
        self._form = form

    def take_over(self) -> None:
        """What libraries tell Python's own log comes in the form of ours."""
        logging.basicConfig(handlers=[_IntoTheLog(self)], level=logging.WARNING)

    def info(self, event: str, **facts: Any) -> None:
        _logger(self._form).info(event, **facts)

    def warning(self, event: str, **facts: Any) -> None:
        _logger(self._form).warning(event, **facts)

    def write(self, level: int, event: str, **facts: Any) -> None:
        _logger(self._form).log(level, event, **facts)


class _IntoTheLog(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        more: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
        more |= getattr(record, "facts", {})
        self._log.write(record.levelno, record.getMessage(), logger=record.name, **more)


@functools.cache
def _logger(form: LogFormat) -> Any:
    import structlog

    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if form is LogFormat.JSON else []),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    return structlog.get_logger()
