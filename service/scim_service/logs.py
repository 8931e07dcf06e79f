"""Logs: one line of JSON each, without tokens and without query strings."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

FLUSH_SECONDS = 0.2
"""The time for which a line of the access log waits for others: each write is a system call."""

tenant_in_logs: ContextVar[str | None] = ContextVar("tenant", default=None)
"""The name of the tenant that the current task works for, None for the process itself."""


@contextmanager
def log_as(tenant: str) -> Iterator[None]:
    """Name a tenant in the log records of a block, and of the tasks that it creates."""
    token = tenant_in_logs.set(tenant)
    try:
        yield
    finally:
        tenant_in_logs.reset(token)


class JsonFormatter(logging.Formatter):
    """Formats a log record as one line of JSON.

    Parameters
    ----------
    tenant
        The name in the lines of tasks that work for no tenant.
    """

    def __init__(self, tenant: str) -> None:
        super().__init__()
        self._tenant = tenant

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "tenant": tenant_in_logs.get() or self._tenant,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(document).decode()


def configure_logging(tenant: str) -> None:
    """Write all log records to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(tenant))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


class AccessLogWriter:
    """Writes the access log, several lines at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[bytes] = []

    def __call__(self, entry: dict[str, Any]) -> None:
        """Add a line."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._lines.append(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Write the added lines."""
        lines, self._lines = self._lines, []
        self._stream.writelines(lines)
        self._stream.flush()
