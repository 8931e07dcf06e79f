"""Conditions of a ScimTenant: their types, and what one of them says."""

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
"""Only there while a part of the spec is not passed on."""


CLUSTER_ONLY = "ClusterOnly"
"""The reason of Exposed where no one outside of the cluster can reach the tenant."""


FIELD_CONFLICT = "FieldConflict"
"""Only there while somebody else sets a field of the tenant's objects again and again."""


STATUS: Mapping[bool | None, Literal["True", "False", "Unknown"]] = {
    True: "True",
    False: "False",
    None: "Unknown",
}
"""The status of a condition, by whether its finding is good."""


UNKNOWN_ANNOTATION = "UnknownAnnotation"
"""Only there while a ScimTenant has an annotation of ours that means nothing."""


WEAK_TOKEN = "WeakToken"  # noqa: S105 (the reason of a condition)


class Outlook(Enum):
    """What to expect of an aspect that is not as wanted."""

    SETTLED = "nothing will change, and nothing needs to"
    PROGRESSING = "it is being worked on"
    STALLED = "somebody has to do something"


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one aspect.

    Attributes
    ----------
    is_good
        Whether it is as wanted; None if that is not known.
    reason
        One word in CamelCase, for programs.
    message
        A sentence that says what is wrong and what the reader can do. No timestamp and no
        counter: every change of the text is a write.
    is_needed
        Whether the tenant is Ready only if this is good.
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
