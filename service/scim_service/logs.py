"""Logs: one line of JSON each, without tokens and without query strings."""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

FLUSH_SECONDS = 0.2
"""How long a line of the access log waits for others: writing each alone costs a system call."""


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON.

    Parameters
    ----------
    tenant
        Whose process it is.
    """

    def __init__(self, tenant: str) -> None:
        super().__init__()
        self._tenant = tenant

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "tenant": self._tenant,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(document).decode()


def configure_logging(tenant: str) -> None:
    """Write everything that is logged to standard error."""
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
        """Take a line."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._lines.append(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Write what has been taken."""
        lines, self._lines = self._lines, []
        self._stream.writelines(lines)
        self._stream.flush()
