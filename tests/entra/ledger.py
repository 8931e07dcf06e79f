"""A record of acknowledged writes, to check after a crash that the server has stored them.

Each write is noted before it is sent. Once it is acknowledged the server must have it; while it is
not, old and new state are both right, because the answer may have been lost on its way back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .attributes import Resource, Target, lookup

USERS, GROUPS = "Users", "Groups"
_EXISTS = ""
_MEMBER = "member "


@dataclass(frozen=True, slots=True)
class Write:
    """What one request sets of one resource, by aspect."""

    collection: str
    anchor: str
    facts: Mapping[str, Any]

    @classmethod
    def values(cls, collection: str, anchor: str, values: Mapping[str, Any]) -> "Write":
        """A write of attributes, by target; None takes a value away."""
        return cls(collection, anchor, {_EXISTS: True, **values})

    @classmethod
    def members(cls, anchor: str, members: Iterable[str], *, present: bool) -> "Write":
        """A write that adds members to a group or removes them."""
        return cls(GROUPS, anchor, {_MEMBER + member: present for member in members})

    @classmethod
    def deletion(cls, collection: str, anchor: str) -> "Write":
        """A write that deletes the resource."""
        return cls(collection, anchor, {_EXISTS: False})


@dataclass(frozen=True, slots=True)
class Lost:
    """An acknowledged write that the server does not have."""

    collection: str
    anchor: str
    aspect: str
    acknowledged: Any
    found: Any


@dataclass(slots=True)
class _Fact:
    acknowledged: bool = False
    possible: list[Any] = field(default_factory=list)


class Ledger:
    """The acknowledged state of every resource that was written."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str], dict[str, _Fact]] = {}
        self.acknowledged = 0

    def intend(self, write: Write) -> None:
        """Note a write that is about to be sent."""
        facts = self._facts.setdefault((write.collection, write.anchor), {})
        for aspect, value in write.facts.items():
            facts.setdefault(aspect, _Fact()).possible.append(value)

    def acknowledge(self, write: Write) -> None:
        """Note that the server has confirmed a write: from now on only the new state is right."""
        self.acknowledged += 1
        facts = self._facts.setdefault((write.collection, write.anchor), {})
        for aspect, value in write.facts.items():
            facts[aspect] = _Fact(acknowledged=True, possible=[value])

    def withdraw(self, write: Write) -> None:
        """Note that the server has refused a write: it must have had no effect."""
        facts = self._facts[write.collection, write.anchor]
        for aspect, value in write.facts.items():
            facts[aspect].possible.remove(value)

    def lost(self, users: Mapping[str, Resource], groups: Mapping[str, Resource]) -> list[Lost]:
        """Compare with all resources of the tenant, by id."""
        held = {USERS: users, GROUPS: groups}
        return [
            one
            for (collection, anchor), facts in self._facts.items()
            for one in self._lost_of(collection, anchor, facts, held[collection].get(anchor))
        ]

    def _lost_of(
        self, collection: str, anchor: str, facts: dict[str, _Fact], resource: Resource | None
    ) -> Iterable[Lost]:
        exists = facts.get(_EXISTS, _Fact())
        if exists.acknowledged and (resource is not None) not in exists.possible:
            yield Lost(collection, anchor, "exists", exists.possible, resource is not None)
            return
        if resource is None:
            return
        members = {lookup(member, "value") for member in lookup(resource, "members") or ()}
        for aspect, fact in facts.items():
            if aspect == _EXISTS or not fact.acknowledged or self._may_be_gone(aspect, fact):
                continue
            if aspect.startswith(_MEMBER):
                found: Any = aspect.removeprefix(_MEMBER) in members
            else:
                found = Target.parse(aspect).read(resource)
            if found not in fact.possible:
                yield Lost(collection, anchor, aspect, fact.possible, found)

    def _may_be_gone(self, aspect: str, fact: _Fact) -> bool:
        """Tell whether a fact names a user that may be deleted, and with it the reference."""
        names = [aspect.removeprefix(_MEMBER), *fact.possible]
        users = [self._facts.get((USERS, name), {}) for name in names if isinstance(name, str)]
        return any(False in facts.get(_EXISTS, _Fact()).possible for facts in users)

    def dump(self) -> list[Any]:
        """Return the record as JSON."""
        return [
            [collection, anchor, aspect, fact.acknowledged, fact.possible]
            for (collection, anchor), facts in self._facts.items()
            for aspect, fact in facts.items()
        ]

    @classmethod
    def load(cls, rows: Iterable[Any], acknowledged: int) -> "Ledger":
        """Create a ledger from the result of `dump`."""
        ledger = cls()
        ledger.acknowledged = acknowledged
        for collection, anchor, aspect, confirmed, possible in rows:
            facts = ledger._facts.setdefault((collection, anchor), {})
            facts[aspect] = _Fact(confirmed, possible)
        return ledger
