"""The state of a provisioning job between cycles; a restart of the job discards it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import TRANSIENT
from .ledger import Ledger


@dataclass(slots=True)
class Known:
    """An object that the application has: its id there, and what was last provisioned."""

    anchor: str
    synced: str = ""


@dataclass(slots=True)
class Membership:
    """Members of a group by anchor: those confirmed, and those whose answer never came."""

    confirmed: set[str] = field(default_factory=set)
    uncertain: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Escrowed:
    """An object that failed and is tried again in a later cycle."""

    code: str
    digest: str
    attempts: int
    due: int


@dataclass(slots=True)
class JobState:
    """Anchors, memberships, escrow, and the acknowledged writes."""

    cycle: int = 0
    changes: int = 0
    """How many times the directory had changed when it was last provisioned."""
    users: dict[str, Known] = field(default_factory=dict)
    groups: dict[str, Known] = field(default_factory=dict)
    members: dict[str, Membership] = field(default_factory=dict)
    escrow: dict[str, Escrowed] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    def fail(self, object_id: str, code: str, digest: str) -> None:
        """Put an object into escrow.

        What the server could not help is tried at the next cycle; an object that it refused waits
        twice as long each time, as the intervals are not published but known to grow.
        """
        before = self.escrow.get(object_id)
        attempts = before.attempts + 1 if before else 1
        wait = 1 if code in TRANSIENT else 2 ** (attempts - 1)
        self.escrow[object_id] = Escrowed(code, digest, attempts, self.cycle + wait)

    def succeed(self, object_id: str) -> None:
        """Take an object out of escrow."""
        self.escrow.pop(object_id, None)

    def waits(self, object_id: str, digest: str) -> bool:
        """Tell whether an object is in escrow, not due, and unchanged since it failed."""
        held = self.escrow.get(object_id)
        return held is not None and held.digest == digest and held.due > self.cycle

    def restart(self) -> None:
        """Forget everything but the acknowledged writes, as "Restart provisioning" does."""
        self.users.clear()
        self.groups.clear()
        self.members.clear()
        self.escrow.clear()

    def save(self, path: Path) -> None:
        """Write the state to a file, for another process to go on from."""
        document = {
            "cycle": self.cycle,
            "changes": self.changes,
            "users": {key: asdict(known) for key, known in self.users.items()},
            "groups": {key: asdict(known) for key, known in self.groups.items()},
            "members": {
                key: {"confirmed": sorted(one.confirmed), "uncertain": sorted(one.uncertain)}
                for key, one in self.members.items()
            },
            "escrow": {key: asdict(one) for key, one in self.escrow.items()},
            "ledger": self.ledger.dump(),
            "acknowledged": self.ledger.acknowledged,
        }
        path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, path: Path) -> "JobState":
        """Read the state that `save` wrote."""
        document = json.loads(path.read_text("utf-8"))
        return cls(
            cycle=document["cycle"],
            changes=document["changes"],
            users={key: Known(**known) for key, known in document["users"].items()},
            groups={key: Known(**known) for key, known in document["groups"].items()},
            members={
                key: Membership(set(one["confirmed"]), set(one["uncertain"]))
                for key, one in document["members"].items()
            },
            escrow={key: Escrowed(**one) for key, one in document["escrow"].items()},
            ledger=Ledger.load(document["ledger"], document["acknowledged"]),
        )


def digest(*parts: Any) -> str:
    """Return a short text that differs when an object's source has changed."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
