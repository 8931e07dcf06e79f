"""Show long steps while they run: a spinner on a terminal, plain lines with times elsewhere.

Everything goes to standard error, because standard output carries results (JSON, the output of a
command run in the node) that are piped into other programs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

console = Console(stderr=True, highlight=False)

PLAIN_INTERVAL_S = 20.0


class Step:
    """A running step; `detail` says what it is doing at the moment."""

    def detail(self, text: str) -> None:
        """Replace the text beside the step's title."""


class _TerminalStep(Step):
    def __init__(self, title: str) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[detail]}"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=None, detail="")
        self._bar.start()

    def detail(self, text: str) -> None:
        self._bar.update(self._task, detail=text)

    def close(self) -> None:
        self._bar.stop()


class _PlainStep(Step):
    def __init__(self, title: str) -> None:
        self._title = title
        self._started = self._printed = time.monotonic()
        say(f"{title} ...")

    def detail(self, text: str) -> None:
        now = time.monotonic()
        if now - self._printed >= PLAIN_INTERVAL_S:
            self._printed = now
            say(f"{self._title}: {now - self._started:.0f} s, {text}")

    def close(self) -> None:
        pass


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show a step from its start to its end, with the time it took."""
    started = time.monotonic()
    running = _TerminalStep(title) if console.is_terminal else _PlainStep(title)
    ended = "failed after"
    try:
        yield running
        ended = "done in"
    finally:
        running.close()
        took = time.monotonic() - started
        say(f"{title}: {ended} {took:.1f} s")


def say(text: str) -> None:
    """Print one line that is not a step."""
    console.print(text, markup=False, soft_wrap=True)
