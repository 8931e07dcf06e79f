"""What the event loop is held up by: the longest of its steps, in processor time of its thread.

Processor time, not elapsed time: a busy machine makes every step long, and no step heavier.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast


@dataclass(slots=True)
class Steps:
    """The longest step so far, in seconds."""

    longest: float = 0.0


@contextlib.contextmanager
def measured_steps() -> Iterator[Steps]:
    """Measure the steps of the event loop of this thread; asyncio's own, not uvloop."""
    steps = Steps()
    handle = cast("Any", asyncio.Handle)
    original: Callable[[Any], None] = handle._run

    def run(self: Any) -> None:
        begun = time.thread_time()
        original(self)
        steps.longest = max(steps.longest, time.thread_time() - begun)

    handle._run = run
    try:
        yield steps
    finally:
        handle._run = original
