"""Quotes of other programs' texts in a condition: short, on one line, printable.

A container may write anything, so whatever looks like a secret in its output is hidden. Times of
day are removed, because a message that changes with every repetition would be a write each time.
"""

from __future__ import annotations

import json
import re

TEXT_CHARACTERS = 300
"""The maximum length of a text of the API server, a node or a controller."""

OUTPUT_CHARACTERS = 200
"""The maximum length of a line of a container's output."""

HIDDEN = "***"

_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]+(?=@)|(?<=\bBearer )\S+", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"\b(?P<name>\w*(?:password|passwd|pwd|secret|token|api[_-]?key|credential)\w*)"
    r"(?P<between>\W{0,3}[=:]\s*\W?)(?P<value>[^\s\"',;&]+)",
    re.IGNORECASE,
)
_LONG_RUN = re.compile(r"[A-Za-z0-9_+=-]{32,}")
_TIME = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?|"
    r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?"
)


def quote_text(text: str) -> str:
    """Return a text of a cluster component on one line, with credentials in URLs hidden."""
    return _shorten(_CREDENTIALS.sub(HIDDEN, text), TEXT_CHARACTERS)


def quote_output(output: str) -> str:
    """Return the last line of a container's output; an empty text if there is none.

    A line in JSON is reduced to its message. Possible secrets are hidden: credentials in URLs,
    values assigned to a name such as ``password``, and every long run of letters and digits.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    if not lines:
        return ""
    line = _TIME.sub("", _extract_message(lines[-1]))
    line = _CREDENTIALS.sub(HIDDEN, line)
    line = _ASSIGNED.sub(rf"\g<name>\g<between>{HIDDEN}", line)
    return _shorten(_LONG_RUN.sub(HIDDEN, line), OUTPUT_CHARACTERS)


def _extract_message(line: str) -> str:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return line
    fields = document if isinstance(document, dict) else {}
    return next(
        (text for key in ("message", "msg", "error") if isinstance(text := fields.get(key), str)),
        line,
    )


def _shorten(text: str, characters: int) -> str:
    words = " ".join(text.split())
    printable = "".join(each if " " <= each <= "~" else "?" for each in words)
    return printable if len(printable) <= characters else f"{printable[: characters - 3]}..."
