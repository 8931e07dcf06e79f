"""What others say, as it may be quoted in a condition: short, on one line, printable. Pure.

A container's output may be anything, so what looks like a secret in it is left out. A message that
changed with every repetition would be a write each time, so times of day are left out as well.
"""

from __future__ import annotations

import json
import re

TEXT_CHARACTERS = 300
"""The longest text of the API server, a node or a controller."""

OUTPUT_CHARACTERS = 200
"""The longest line of a container's output."""

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
    """Return a text of the cluster's own programs on one line; credentials in URLs are hidden."""
    return _cut(_CREDENTIALS.sub(HIDDEN, text), TEXT_CHARACTERS)


def quote_output(output: str) -> str:
    """Return the last line of what a container has written; empty if it is empty.

    Of a line in JSON it is the message. Whatever may be a secret is hidden: credentials in URLs,
    what is assigned to a name such as ``password``, and every long run of letters and digits.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    if not lines:
        return ""
    line = _TIME.sub("", _message(lines[-1]))
    line = _CREDENTIALS.sub(HIDDEN, line)
    line = _ASSIGNED.sub(rf"\g<name>\g<between>{HIDDEN}", line)
    return _cut(_LONG_RUN.sub(HIDDEN, line), OUTPUT_CHARACTERS)


def _message(line: str) -> str:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return line
    fields = document if isinstance(document, dict) else {}
    return next(
        (text for key in ("message", "msg", "error") if isinstance(text := fields.get(key), str)),
        line,
    )


def _cut(text: str, characters: int) -> str:
    words = " ".join(text.split())
    printable = "".join(each if " " <= each <= "~" else "?" for each in words)
    return printable if len(printable) <= characters else f"{printable[: characters - 3]}..."
