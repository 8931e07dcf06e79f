"""What a suite found, held against the deviations that are known."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_DEVIATIONS = Path(__file__).with_name("deviations.yaml")


class UnavailableError(Exception):
    """A suite cannot run here; `required` when that is a failure under CI."""

    def __init__(self, reason: str, *, required: bool = True) -> None:
        super().__init__(reason)
        self.required = required


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a suite looked at; `problem` is None when it liked what it saw."""

    name: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The checks of one suite, sorted by what is to be made of them."""

    suite: str
    passed: list[Check]
    failed: list[Check]
    expected: list[tuple[Check, str]]
    """Failures that are listed, each with the reason."""
    outlived: list[str]
    """Listed deviations that did not occur: the list is to be corrected."""

    @property
    def ok(self) -> bool:
        """True when the suite found what is listed, and nothing else."""
        return bool(self.passed) and not self.failed and not self.outlived

    def explain(self) -> str:
        """Return what is not as it should be, a line each."""
        lines = [f"{check.name}: {check.problem}" for check in self.failed]
        lines += [f"{name}: listed as a deviation, but passes" for name in self.outlived]
        return "\n".join([f"{len(self.passed)} passed", *lines])

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON."""
        return {
            "suite": self.suite,
            "ok": self.ok,
            "passed": len(self.passed),
            "failed": {check.name: check.problem for check in self.failed},
            "expected": {check.name: reason for check, reason in self.expected},
            "outlived": self.outlived,
        }


def judge(suite: str, checks: list[Check]) -> Outcome:
    """Sort the checks of a suite by the list of its deviations."""
    listed = _reasons(suite)
    wrong = [check for check in checks if check.problem is not None]
    return Outcome(
        suite=suite,
        passed=[check for check in checks if check.problem is None],
        failed=[check for check in wrong if check.name not in listed],
        expected=[(check, listed[check.name]) for check in wrong if check.name in listed],
        outlived=sorted(listed.keys() - {check.name for check in wrong}),
    )


def _reasons(suite: str) -> dict[str, str]:
    """Return the reason of each known deviation of a suite."""
    document = yaml.safe_load(_DEVIATIONS.read_text("utf-8")) or {}
    return {
        check: group["reason"] for group in document.get(suite, ()) for check in group["checks"]
    }
