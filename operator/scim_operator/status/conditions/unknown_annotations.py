"""The condition UnknownAnnotation: annotations of the operator's group that it does not know.

Without the condition a misspelled annotation would have no effect and no one would notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from scim_operator.api import names
from scim_operator.api.conditions import UNKNOWN_ANNOTATION, Finding

_MAX_NAMED = 5
"""A message names at most this many annotations."""


def assess(annotations: Iterable[str]) -> Finding | None:
    """Decide the condition UnknownAnnotation; None if every annotation is known."""
    found = sorted(
        key
        for key in annotations
        if key.startswith(f"{names.GROUP}/") and key not in names.TENANT_ANNOTATIONS
    )
    if not found:
        return None
    parts = [f"{key}{_suggest(key)}" for key in found[:_MAX_NAMED]]
    if len(found) > _MAX_NAMED:
        parts.append(f"{len(found) - _MAX_NAMED} more")
    return Finding(
        is_good=True,
        reason=UNKNOWN_ANNOTATION,
        message=f"this version of the operator does not know these annotations, so they have no "
        f"effect: {'; '.join(parts)}. Correct or remove them",
    )


def _suggest(key: str) -> str:
    close = get_close_matches(key, names.TENANT_ANNOTATIONS, n=1, cutoff=0.8)
    return f" (did you mean {close[0]}?)" if close else ""
