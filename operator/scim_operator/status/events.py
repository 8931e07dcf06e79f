"""Which transitions are told as Kubernetes events. Pure.

Only transitions: a resync of a tenant that stands still tells nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scim_operator.api.conditions import (
    FIELD_CONFLICT,
    PROVISIONING,
    READY,
    RESTRICTED,
    STALLED,
    TOKEN_READY,
    UNKNOWN_ANNOTATION,
    WEAK_TOKEN,
)
from scim_operator.api.v1alpha1.status import Condition, Status
from scim_operator.desired.plan import Plan
from scim_operator.desired.tokens.rotation import Change
from scim_operator.desired.tokens.trusted_secrets import Rejected

_TOKEN_MESSAGES = {
    Change.ISSUED: "the token is in the Secret {secret}: paste it and the Tenant URL into Entra's "
    "Provisioning page",
    Change.REISSUED: "the Secret {secret} was gone, and a token cannot be read back from its "
    "digest: it holds a new one, and the older stays valid until the new one is used",
    Change.ROTATED: "the Secret {secret} holds a new token: paste it into Entra's Provisioning "
    "page; the older stays valid until the new one is used, and for the overlap at least",
    Change.REVOKED: "every earlier token is refused from now on; the Secret {secret} holds the "
    "one that is accepted",
    Change.ACCEPTED: "the token in the Secret {secret} is accepted now",
    Change.HELD_BACK: "a rotation was asked for while nobody has used the token of the one before, "
    "so there is no other: paste secretToken of the Secret {secret} into Entra's Provisioning "
    "page, or begin the annotation's value with force to have another all the same",
    Change.RETIRED: "an older token is refused from now on; the one in the Secret {secret} is in "
    "use",
}

_REJECTED_MESSAGES = {
    Rejected.TOKEN: "the token in the Secret {secret} was not put there by the operator, and is "
    "not accepted: the Secret gets a new one; see who may write Secrets in this namespace",
    Rejected.DIGEST: "the digests' Secret had digests that the operator did not put there: they "
    "are removed; see who may write Secrets in this namespace",
}


_WARNINGS = (
    (STALLED, "True"),
    (PROVISIONING, "False"),
    (RESTRICTED, "True"),
    (UNKNOWN_ANNOTATION, "True"),
)
"""Conditions that are told when they become so, or so for another reason."""


class Event(NamedTuple):
    """One event of a tenant."""

    reason: str
    message: str
    warning: bool = False


def derive(
    before: Status,
    after: Status,
    planned: Plan,
    repaired: Sequence[str],
    kept: Sequence[str] = (),
    conflicts: Sequence[str] = (),
) -> list[Event]:
    """Compare a tenant's status before and after a pass.

    Parameters
    ----------
    repaired, kept, conflicts
        What was repaired, what admission has made of objects, and which conflicts with others
        begin, one sentence each.
    """
    events = [Event("DriftRepaired", message) for message in repaired]
    events += [Event("DriftKept", message, warning=True) for message in kept]
    events += [Event(FIELD_CONFLICT, message, warning=True) for message in conflicts]
    events += [
        Event(
            rejected.value,
            _REJECTED_MESSAGES[rejected].format(secret=after.token_secret_name),
            warning=True,
        )
        for rejected in planned.rejected
    ]
    events += [
        Event("ObjectAdopted", f"the {name} that was there before is the tenant's from now on")
        for name in planned.adopted
        if name in after.objects and after.objects[name] != before.objects.get(name)
    ]
    if taken := [
        name for name in planned.inherited if name in after.objects and name not in before.objects
    ]:
        events.append(
            Event(
                "DataTakenOver",
                f"an earlier tenant of this name has left {', '.join(taken)}: they are this "
                "tenant's from now on, with the users and the token that are in them",
            )
        )
    if before.sealed_by not in (None, after.sealed_by):
        events.append(
            Event(
                "SealedAnew",
                "the operator's key is another than before: what the tenant's status vouches for "
                "is kept and sealed with the new one",
                warning=True,
            )
        )
    if planned.token:
        secret = after.token_secret_name
        events += [
            Event(
                change.value,
                _TOKEN_MESSAGES[change].format(secret=secret),
                warning=change is Change.HELD_BACK,
            )
            for change in dict.fromkeys(planned.token.changes)
        ]
    for kind, bad in _WARNINGS:
        old, new = before.condition(kind), after.condition(kind)
        if new and new.status == bad and (old is None or _state(old) != _state(new)):
            events.append(Event(new.reason, new.message, warning=True))
    old, new = before.condition(TOKEN_READY), after.condition(TOKEN_READY)
    if new and new.reason == WEAK_TOKEN and (old is None or old.reason != WEAK_TOKEN):
        events.append(Event(new.reason, new.message, warning=True))
    ready = after.condition(READY)
    if ready and after.is_true(READY) and not before.is_true(READY):
        events.append(Event(ready.reason, ready.message))
    return events


def _state(condition: Condition) -> tuple[str, str]:
    return condition.status, condition.reason
