"""What keeps the operator from doing its work for a tenant, in words for the reader. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scim_operator.api import names
from scim_operator.api.conditions import AVAILABLE, EXPOSED, TOKEN_READY, Finding, Outlook
from scim_operator.api.tenant import Tenant, UnreadableTenantError
from scim_operator.kube import denials
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import HTTP_ROUTE, INGRESS, SECRET, Kind


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


class BlockedError(Exception):
    """Nothing can be done for a tenant as long as something else stays as it is.

    Attributes
    ----------
    finding
        What that is.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


_ASPECTS = {SECRET: TOKEN_READY, INGRESS: EXPOSED, HTTP_ROUTE: EXPOSED}
"""By kind, the condition that tells of its faults; Available tells of the rest."""


def find_for_condition(faults: Sequence[Fault], aspect: str) -> Finding | None:
    """Return what a condition says of the first fault that it tells of; None if there is none."""
    for fault in faults:
        if _ASPECTS.get(fault.kind, AVAILABLE) == aspect:
            return Finding(False, fault.reason, fault.message, fault.outlook)
    return None


_FORBIDDEN = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[\w/]+)"'
    r'(?:.* in the namespace "(?P<namespace>[^"]+)")?'
)
_UNTYPED = "failed to create typed patch object"
_NO_NAMESPACE = re.compile(r'^namespaces "[^"]+" not found')
_TOO_LARGE = 413
_NOT_IN_TIME = 504


def explain(refusal: ApiError, kind: Kind, name: str, tenant: Tenant) -> Fault | None:
    """Return the fault behind a refusal to write an object; None if trying again may help."""
    what = f"{kind.name} {name}"
    namespace = tenant.key.namespace
    if denial := denials.explain(refusal.message, f"the {what}", namespace):
        return Fault(kind, *denial)
    if "being terminated" in refusal.message or _NO_NAMESPACE.search(refusal.message):
        return Fault(
            kind,
            "NamespaceTerminating",
            f"namespace {namespace} is being deleted, and the tenant with it",
            Outlook.SETTLED,
        )
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
    if refusal.code in (400, _TOO_LARGE, 422) or refusal.message.startswith(_UNTYPED):
        return Fault(kind, "Invalid", f"the {what} is refused: {refusal.message}")
    return None


def _explain_forbidden(refusal: ApiError, kind: Kind, what: str, namespace: str) -> Fault:
    if "must support resize" in refusal.message:
        return Fault(
            kind,
            "VolumeCannotGrow",
            f"the StorageClass of the {what} does not let it grow: set allowVolumeExpansion on the "
            "class if its driver can; until then the volume keeps the size that it has",
        )
    if right := _FORBIDDEN.search(refusal.message):
        return Fault(kind, "Forbidden", _missing_right(right, f"namespace {namespace}"))
    return Fault(kind, "Forbidden", f"the {what} is refused: {refusal.message}")


def explain_unlabelled(kind: Kind, name: str) -> Fault:
    """Return the fault of an object whose label an admission rule of the cluster takes away."""
    return Fault(
        kind,
        "LabelTakenAway",
        f"the {kind.name} {name} comes back without the label {names.TENANT_LABEL} from each write:"
        " an admission rule of the cluster takes it away, so the operator can no longer look after "
        "the object; exempt it from the rule (kubectl get mutatingwebhookconfigurations,"
        "mutatingadmissionpolicies)",
    )


def _missing_right(right: re.Match[str], where: str) -> str:
    return (
        f"the operator may not {right['verb']} {right['resource']} in {where}: give its role that "
        "right"
    )


_HOLDS_UP = (
    "see what holds it up, such as an admission webhook that does not answer (kubectl get "
    "mutatingwebhookconfigurations,validatingwebhookconfigurations)"
)

SILENT = Finding(
    False,
    "APIServerSilent",
    "the API server gives no answer in time to what the operator asks for this tenant: "
    f"{_HOLDS_UP}, and the operator's log",
    Outlook.STALLED,
)
"""What is said of a tenant whose passes end because a request is not answered."""


def explain_failed_request(refusal: ApiError, namespace: str) -> Finding:
    """Say why the passes over a tenant end: the answer to a request that every pass needs."""
    if denial := denials.explain(refusal.message, refusal.request, namespace):
        return Finding(False, *denial, Outlook.STALLED)
    if refusal.code == _NOT_IN_TIME:
        message = f"the API server does not complete {refusal.request} in time: {_HOLDS_UP}"
        return Finding(False, "APIServerSilent", message, Outlook.STALLED)
    if refusal.code == 403 and (right := _FORBIDDEN.search(refusal.message)):
        where = f"namespace {right['namespace']}" if right["namespace"] else "the cluster"
        return Finding(False, "Forbidden", _missing_right(right, where), Outlook.STALLED)
    return Finding(
        False,
        "APIServerRefuses",
        f"the API server refuses {refusal.request} ({refusal}), and the operator goes on trying: "
        "see its log",
        Outlook.STALLED,
    )


def explain_exception(error: Exception) -> Finding:
    """Say that the passes over a tenant end by an error of the operator's own.

    The error's text is left to the log: it may hold what is not for the readers of a status.
    """
    return Finding(
        False,
        "OperatorError",
        f"the operator fails at this tenant by an error of its own ({type(error).__name__}), and "
        "goes on trying: its log has the place; report it",
        Outlook.STALLED,
    )


def explain_missing_key(where: str, why: str) -> Finding:
    """Say that the operator does not begin, because it lacks the key of its seals."""
    return Finding(
        False,
        "OperatorKeyMissing",
        f"the operator cannot begin its work, because it cannot have its key, the Secret {where} "
        f"({why}): give its role get and create there, or restore the Secret from a backup",
        Outlook.STALLED,
    )


def explain_unreadable(error: UnreadableTenantError) -> Finding:
    """Say that this version of the operator cannot read a tenant."""
    return Finding(
        False,
        "Unreadable",
        f"this version of the operator cannot read the tenant, and leaves everything as it is: "
        f"{error}. Correct it, or install the version of the operator that it was written for",
        Outlook.STALLED,
    )
