"""The one exception of this package: what failed, where to read on, and what to do about it."""

from __future__ import annotations

from pathlib import Path

SHOWN_LOG_LINES = 15


class ClusterError(Exception):
    """A failure that a person can act on.

    Parameters
    ----------
    what
        What failed, as a sentence without a full stop.
    log
        The log file that tells more; its last lines become part of the message.
    hint
        What to do about it.
    """

    def __init__(self, what: str, *, log: Path | None = None, hint: str = "") -> None:
        self.what = what
        self.log = log
        self.hint = hint
        super().__init__(self.describe())

    def describe(self) -> str:
        """The whole message, with the end of the log and the hint."""
        parts = [self.what]
        if self.log is not None:
            parts.append(f"log: {self.log}")
            parts += [f"  | {line}" for line in last_lines(self.log)]
        if self.hint:
            parts.append(f"to do: {self.hint}")
        return "\n".join(parts)


def last_lines(log: Path, count: int = SHOWN_LOG_LINES) -> list[str]:
    """The end of a log file; nothing if it cannot be read."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-count:]
