"""The record of one cycle: its writes, its failures and the server's answers."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .attributes import Resource
from .directory import Group, User
from .errors import Failure, QuarantineError, RefusedError
from .transport import Statistics

_FAILURES_SHOWN = 50


@dataclass(slots=True)
class Cycle:
    """One cycle, or one test of the connection, or one provisioning on demand."""

    name: str
    statistics: Statistics
    done: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    quarantine: str | None = None
    attempted: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    """Objects that failed in this cycle, with the last error code."""
    managers: dict[str, Any] = field(default_factory=dict)
    """The manager that a user has in the application, by the user's object id."""

    def fail(
        self, item: User | Group, step: str, error: RefusedError, *, reference: bool = False
    ) -> None:
        """Record a step that failed."""
        answer = error.answer
        self.failed[item.object_id] = error.code
        self.failures.append(
            Failure(
                kind=type(item).__name__,
                object_id=item.object_id,
                name=item.name,
                step=step,
                code=error.code,
                detail=error.detail,
                reference=reference,
                method=answer.method,
                url=answer.url,
                request=answer.request,
                status=answer.status,
                response=answer.shown(),
            )
        )

    def stop(self, error: QuarantineError) -> None:
        """Record that the job goes into quarantine."""
        answer = error.answer
        where = f" ({answer.method} {answer.url}: {answer.status})" if answer else ""
        self.quarantine = f"{error.reason}: {error.detail}{where}"

    def note_manager(self, user: User, manager: Any) -> None:
        """Remember a user's manager in the application."""
        self.managers[user.object_id] = manager

    @property
    def clean(self) -> bool:
        """True when everything was provisioned."""
        return self.quarantine is None and not self.failures

    @property
    def object_failures(self) -> int:
        """How many objects failed, references not counted."""
        return len({one.object_id for one in self.failures if not one.reference})

    @property
    def reference_failures(self) -> int:
        """How many references, managers and members, failed."""
        return sum(one.reference for one in self.failures)

    def as_json(self) -> Resource:
        """Return the record as JSON; the first failures only, and the number of all by code."""
        return {
            "cycle": self.name,
            "done": dict(sorted(self.done.items())),
            "failed": len(self.failures),
            "failuresByCode": dict(sorted(Counter(one.code for one in self.failures).items())),
            "failures": [one.as_json() for one in self.failures[:_FAILURES_SHOWN]],
            "quarantine": self.quarantine,
            "requests": self.statistics.as_json(),
        }
