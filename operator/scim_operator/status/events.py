"""The Kubernetes events of a tenant: one for each transition of its status.

Only transitions give events: resyncing an unchanged tenant emits none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    Change.REISSUED: "the Secret {secret} was missing, and a token cannot be restored from its "
    "digest: the Secret holds a new token; the older one stays valid until the new one is used",
    Change.ROTATED: "the Secret {secret} holds a new token: paste it into Entra's Provisioning "
    "page; the older one stays valid until the new one is used, and at least for the overlap",
    Change.REVOKED: "the service rejects every earlier token from now on and accepts only the one "
    "in the Secret {secret}",
    Change.ACCEPTED: "the service accepts the token in the Secret {secret} from now on",
    Change.HELD_BACK: "no further token was created, because the one in the Secret {secret} has "
    "not been used yet: paste its secretToken into Entra's Provisioning page, or begin the "
    "annotation's value with force to create another one",
    Change.RETIRED: "the service rejects an older token from now on; the one in the Secret "
    "{secret} is in use",
}

_REJECTED_MESSAGES = {
    Rejected.TOKEN: "the operator did not write the token in the Secret {secret}, and the service "
    "does not accept it: the operator writes a new one; check who may write Secrets in this "
    "namespace",
    Rejected.DIGEST: "the digests' Secret contained digests that the operator did not write: the "
    "operator removed them; check who may write Secrets in this namespace",
}

_WARNINGS = (
    (STALLED, "True"),
    (PROVISIONING, "False"),
    (RESTRICTED, "True"),
    (UNKNOWN_ANNOTATION, "True"),
)
"""A change of one of these conditions to this status, or to another reason, is an event."""


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
    """Compare a tenant's status before and after a reconcile.

    Parameters
    ----------
    repaired, kept, conflicts
        Changes that the operator repaired, changes by admission that it kept, and field conflicts
        that begin; one sentence each.
    """
    return [
        *(Event("DriftRepaired", message) for message in repaired),
        *(Event("DriftKept", message, warning=True) for message in kept),
        *(Event(FIELD_CONFLICT, message, warning=True) for message in conflicts),
        *_report_ownership(before, after, planned),
        *_report_token(after, planned),
        *_report_conditions(before, after),
    ]


def _report_ownership(before: Status, after: Status, planned: Plan) -> Iterator[Event]:
    """Report rejected contents, adopted and inherited objects, and a new key."""
    for rejected in planned.rejected:
        message = _REJECTED_MESSAGES[rejected].format(secret=after.token_secret_name)
        yield Event(rejected.value, message, warning=True)
    for name in planned.adopted:
        if name in after.objects and after.objects[name] != before.objects.get(name):
            yield Event("ObjectAdopted", f"the existing {name} belongs to the tenant from now on")
    inherited = [
        name for name in planned.inherited if name in after.objects and name not in before.objects
    ]
    if inherited:
        yield Event(
            "DataTakenOver",
            f"an earlier tenant of this name has left {', '.join(inherited)}: this tenant takes "
            "them over, with the users and the token in them",
        )
    if before.sealed_by not in (None, after.sealed_by):
        yield Event(
            "SealedAnew",
            "the operator's key has changed: the facts that the tenant's status vouches for stay "
            "valid, and are sealed with the new key",
            warning=True,
        )


def _report_token(after: Status, planned: Plan) -> Iterator[Event]:
    for change in dict.fromkeys(planned.token.changes if planned.token else ()):
        message = _TOKEN_MESSAGES[change].format(secret=after.token_secret_name)
        yield Event(change.value, message, warning=change is Change.HELD_BACK)


def _report_conditions(before: Status, after: Status) -> Iterator[Event]:
    for kind, status in _WARNINGS:
        old, new = before.condition(kind), after.condition(kind)
        if new and new.status == status and (old is None or _state(old) != _state(new)):
            yield Event(new.reason, new.message, warning=True)
    old, new = before.condition(TOKEN_READY), after.condition(TOKEN_READY)
    if new and new.reason == WEAK_TOKEN and (old is None or old.reason != WEAK_TOKEN):
        yield Event(new.reason, new.message, warning=True)
    ready = after.condition(READY)
    if ready and after.is_true(READY) and not before.is_true(READY):
        yield Event(ready.reason, ready.message)


def _state(condition: Condition) -> tuple[str, str]:
    return condition.status, condition.reason
