"""What keeps the operator from doing its work for a tenant, in words for the reader. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scim_operator.conditions import AVAILABLE, EXPOSED, TOKEN_READY, Finding, Outlook
from scim_operator.kinds import INGRESS, ROUTE, SECRET, Kind
from scim_operator.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Fault:
    """One object that is not as wanted, and why.

    Attributes
    ----------
    kind
        Kind of the object; it decides which condition tells of it.
    """

    kind: Kind
    reason: str
    message: str
    outlook: Outlook = Outlook.STALLED


class Refusal(Exception):  # noqa: N818 (an answer, not a failure of this program)
    """An answer of the API server other than success.

    Attributes
    ----------
    code
        HTTP status.
    retry_after
        Seconds that the server asks to wait; None if it does not.
    """

    def __init__(
        self, code: int, message: str, *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.retry_after = retry_after


_ASPECTS = {SECRET: TOKEN_READY, INGRESS: EXPOSED, ROUTE: EXPOSED}
"""By kind, the condition that tells of its faults; Available tells of the rest."""


def first_of(faults: Sequence[Fault], aspect: str) -> Finding | None:
    """Return what a condition says of the first fault that it tells of; None if there is none."""
    for fault in faults:
        if _ASPECTS.get(fault.kind, AVAILABLE) == aspect:
            return Finding(False, fault.reason, fault.message, fault.outlook)
    return None


_FORBIDDEN = re.compile(r'cannot (?P<verb>\w+) resource "(?P<resource>[\w/]+)"')
_UNTYPED = "failed to create typed patch object"
_QUOTA = re.compile(r"exceeded quota: (?P<quota>[^,]+),")


def explain(refusal: Refusal, kind: Kind, name: str, tenant: Tenant) -> Fault | None:
    """Return the fault behind a refusal to write an object; None if trying again may help."""
    what = f"{kind.name} {name}"
    namespace = tenant.key.namespace
    if refusal.code == 403:
        return _explain_forbidden(refusal, kind, what, namespace)
    if refusal.code == 404:
        return Fault(
            kind,
            "KindMissing",
            f"the cluster has no {kind.name} ({kind.api_version}): install its CRDs, or choose "
            "another way of exposure",
        )
    # A server-side apply of a field that the kind does not have is answered as the server's error.
    if refusal.code in (400, 422) or refusal.message.startswith(_UNTYPED):
        return Fault(kind, "Invalid", f"the {what} is refused: {refusal.message}")
    return None


def _explain_forbidden(refusal: Refusal, kind: Kind, what: str, namespace: str) -> Fault:
    if quota := _QUOTA.search(refusal.message):
        return Fault(
            kind,
            "QuotaExceeded",
            f"the quota {quota['quota']} of namespace {namespace} has no room for the {what}: "
            "raise it, or free some of it",
        )
    if "must support resize" in refusal.message:
        return Fault(
            kind,
            "VolumeCannotGrow",
            f"the StorageClass of the {what} does not let it grow: set allowVolumeExpansion on the "
            "class if its driver can; until then the volume keeps the size that it has",
        )
    if "being terminated" in refusal.message:
        return Fault(
            kind,
            "NamespaceTerminating",
            f"namespace {namespace} is being deleted, and the tenant with it",
            Outlook.SETTLED,
        )
    if right := _FORBIDDEN.search(refusal.message):
        return Fault(
            kind,
            "Forbidden",
            f"the operator may not {right['verb']} {right['resource']} in namespace {namespace}: "
            "give its role that right",
        )
    return Fault(kind, "Forbidden", f"the {what} is refused: {refusal.message}")
