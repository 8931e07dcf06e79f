"""Condition types of a ScimTenant, and the finding from which a condition is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
TOKEN_READY = "TokenReady"  # noqa: S105 (the name of a condition)
AVAILABLE = "Available"
EXPOSED = "Exposed"
PROVISIONING = "Provisioning"

RESTRICTED = "Restricted"
"""Present only while a part of the spec is withheld."""

FIELD_CONFLICT = "FieldConflict"
"""Present only while another client repeatedly sets a field of the tenant's objects."""

UNKNOWN_ANNOTATION = "UnknownAnnotation"
"""Present only while a ScimTenant has an unknown annotation of the operator's API group."""

CLUSTER_ONLY = "ClusterOnly"
"""A reason of Exposed: the tenant is reachable only from inside the cluster."""

WEAK_TOKEN = "WeakToken"  # noqa: S105 (the reason of a condition)

STATUS: Mapping[bool | None, Literal["True", "False", "Unknown"]] = {
    True: "True",
    False: "False",
    None: "Unknown",
}
"""The status of a condition by `Finding.is_good`."""


class Outlook(Enum):
    """The expected course of an aspect that is not as desired."""

    SETTLED = "it will not change, and need not"
    PROGRESSING = "the operator or Kubernetes is working on it"
    STALLED = "a person must act"


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one aspect of a tenant.

    Attributes
    ----------
    is_good
        Whether the aspect is as desired; None if unknown.
    reason
        One CamelCase identifier, for programs.
    message
        A sentence with the problem and the remedy, without timestamps and counters: every change
        of the text causes a write.
    is_needed
        Whether the tenant is Ready only if the aspect is good.
    """

    is_good: bool | None
    reason: str
    message: str
    outlook: Outlook = Outlook.SETTLED
    is_needed: bool = True

    @classmethod
    def stalled(cls, reason: str, message: str) -> Finding:
        """Return the finding of a problem that needs a person."""
        return cls(False, reason, message, Outlook.STALLED)
