"""Which of our annotations a ScimTenant has that mean nothing: a slip would be silent. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from scim_operator.api import names
from scim_operator.api.conditions import UNKNOWN_ANNOTATION, Finding

_NAMED = 5
"""How many a message names."""


def assess(annotations: Iterable[str]) -> Finding | None:
    """Say which annotations under the operator's group no operator reads; None if there is none."""
    found = sorted(
        key
        for key in annotations
        if key.startswith(f"{names.GROUP}/") and key not in names.TENANT_ANNOTATIONS
    )
    if not found:
        return None
    parts = [f"{key}{_guess(key)}" for key in found[:_NAMED]]
    if len(found) > _NAMED:
        parts.append(f"{len(found) - _NAMED} more")
    return Finding(
        is_good=True,
        reason=UNKNOWN_ANNOTATION,
        message=f"annotations that no operator of this version knows have no effect: "
        f"{'; '.join(parts)}. Correct or remove them",
    )


def _guess(key: str) -> str:
    close = get_close_matches(key, names.TENANT_ANNOTATIONS, n=1, cutoff=0.8)
    return f" (did you mean {close[0]}?)" if close else ""
