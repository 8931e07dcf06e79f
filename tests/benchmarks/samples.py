"""Samples of several rounds, and the figures made of them."""

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.benchmarks import wrk
from tests.benchmarks.server import Server

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """A figure and what is asked of it; `higher` says on which side of the target it must be."""

    name: str
    subject: str
    value: float
    unit: str
    target: float | None = None
    higher: bool = True
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None where there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.higher else self.value <= self.target


@dataclass(slots=True)
class Measurement:
    """All samples of a run, by subject and kind of load.

    Parameters
    ----------
    seconds
        How long each load goes on.
    """

    rounds: int
    seconds: int
    token: str
    say: Say
    loads: dict[tuple[str, str], list[wrk.Load]] = field(default_factory=lambda: defaultdict(list))

    def load(
        self,
        subject: str,
        kind: wrk.Kind,
        server: Server,
        users: wrk.Users,
        *,
        group: tuple[str, str] | None = None,
    ) -> None:
        """Send one kind of requests and keep what was found."""
        label = f"{kind} {group[0]}" if group else kind
        number = len(self.loads[subject, label])
        self.say(f"round {number + 1} of {self.rounds}: {subject}, {label}")
        found = wrk.run(
            kind,
            server.url,
            self.token,
            users,
            name=f"{subject}-{number}".lower().replace(" ", "-"),
            seconds=self.seconds,
            group=group[1] if group else "-",
        )
        self.loads[subject, label].append(found)

    def per_second(self, subject: str, label: str) -> float:
        """Return the median of the rounds."""
        return statistics.median(load.per_second for load in self.loads[subject, label])

    def ratio(self, subject: str, label: str, other: str, other_label: str) -> float:
        """Return the median of the ratios, each within its round."""
        pairs = zip(self.loads[subject, label], self.loads[other, other_label], strict=True)
        return statistics.median(one.per_second / two.per_second for one, two in pairs)

    def latency_ratio(self, subject: str, label: str, other_label: str) -> float:
        """Return the median of the ratios of the median latencies, each within its round."""
        pairs = zip(self.loads[subject, label], self.loads[subject, other_label], strict=True)
        return statistics.median(one.p50 / two.p50 for one, two in pairs)
