"""The result of a run, as JSON or as tables."""

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from .cycle import Cycle
from .ledger import Lost
from .quarantine import DISABLED_AFTER, retry_after
from .verification import Difference

CLEAN, QUARANTINED, IMPERFECT = 0, 1, 3
"""Exit codes; 2 is what a wrong command line ends with."""

_ROWS_SHOWN = 20


@dataclass(slots=True)
class Report:
    """The results of a run."""

    tenant_url: str
    dialect: str
    users: int = 0
    groups: int = 0
    cycles: list[Cycle] = field(default_factory=list)
    differences: list[Difference] | None = None
    lost: list[Lost] | None = None
    acknowledged: int = 0
    problem: str | None = None
    """Why the tenant could not be read back, where it could not."""

    @property
    def exit_code(self) -> int:
        """0 when all is well, 1 for quarantine, 3 for single failures or differences."""
        if self.problem or any(cycle.quarantine for cycle in self.cycles):
            return QUARANTINED
        if self.differences or self.lost or not all(cycle.clean for cycle in self.cycles):
            return IMPERFECT
        return CLEAN

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "tenantURL": self.tenant_url,
            "dialect": self.dialect,
            "directory": {"users": self.users, "groups": self.groups},
            "cycles": [cycle.as_json() for cycle in self.cycles],
            "differences": _rows(self.differences),
            "acknowledgedWrites": self.acknowledged,
            "lostWrites": _rows(self.lost),
            "problem": self.problem,
            "clean": self.exit_code == CLEAN,
        }

    def print(self, console: Console) -> None:
        """Print the report as tables."""
        console.print(_cycle_table(self.cycles))
        for cycle in self.cycles:
            if cycle.quarantine:
                console.print(f"[bold red]{cycle.name}: quarantine[/]: {cycle.quarantine}")
                console.print(
                    f"Entra would try again after {retry_after(1)}, and disable the job after"
                    f" {DISABLED_AFTER.days} days."
                )
            if cycle.failures:
                console.print(_failure_table(cycle))
        if self.problem:
            console.print(f"[bold red]the tenant cannot be read back[/]: {self.problem}")
        if self.differences is not None:
            self._print_differences(console, self.differences)
        if self.lost is not None:
            console.print(
                f"{self.acknowledged} acknowledged writes, "
                + ("all present" if not self.lost else f"[bold red]{len(self.lost)} lost[/]")
            )
            for lost in self.lost[:_ROWS_SHOWN]:
                console.print(f"  {lost}", markup=False)

    def _print_differences(self, console: Console, differences: list[Difference]) -> None:
        size = f"{self.users} users and {self.groups} groups"
        if not differences:
            console.print(f"the tenant equals the directory of {size}, attribute by attribute")
            return
        table = Table(title=f"{len(differences)} differences", title_justify="left")
        for column in ("kind", "name", "attribute", "expected", "found"):
            table.add_column(column, overflow="fold")
        for one in differences[:_ROWS_SHOWN]:
            table.add_row(one.kind, one.name, one.attribute, str(one.expected), str(one.found))
        console.print(table)


def _rows(found: list[Any] | None) -> list[dict[str, Any]] | None:
    return None if found is None else [asdict(one) for one in found]


def _cycle_table(cycles: list[Cycle]) -> Table:
    table = Table(title="Provisioning", title_justify="left")
    for column, justify in (
        ("cycle", "left"),
        ("done", "left"),
        ("requests", "left"),
        ("failed", "right"),
        ("seconds", "right"),
        ("req/s", "right"),
        ("p50 / p95 / p99 / max ms", "right"),
    ):
        table.add_column(column, justify="right" if justify == "right" else "left")
    for cycle in cycles:
        measured = cycle.statistics.as_json()
        latency = measured["latencyMs"]
        table.add_row(
            cycle.name,
            "\n".join(f"{number} {name}" for name, number in sorted(cycle.done.items())),
            "\n".join(f"{number} {name}" for name, number in measured["byMethodAndStatus"].items()),
            str(len(cycle.failures)),
            f"{measured['seconds']:.2f}",
            f"{measured['perSecond']:.0f}",
            " / ".join(f"{latency[name]:.1f}" for name in ("p50", "p95", "p99", "max")),
        )
    return table


def _failure_table(cycle: Cycle) -> Table:
    shown = cycle.failures[:_ROWS_SHOWN]
    title = f"{cycle.name}: {len(shown)} of {len(cycle.failures)} failures"
    table = Table(title=title, title_justify="left")
    for column in ("object", "step", "Entra's code", "request", "status", "detail"):
        table.add_column(column, overflow="fold")
    for one in shown:
        table.add_row(
            f"{one.kind} {one.name}",
            one.step,
            one.code,
            f"{one.method} {one.url}\n{one.request or ''}",
            str(one.status),
            one.detail,
        )
    return table
