"""The annotation that records the digest of an object when it was last applied."""

from __future__ import annotations

import hashlib
import json

from scim_operator.api import names
from scim_operator.kube.kinds import Object


def compute_digest(desired: Object) -> str:
    """Return the digest of an object."""
    text = json.dumps(desired, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def add_digest(desired: Object) -> Object:
    """Return a copy of an object with the annotation that carries its digest."""
    metadata = desired["metadata"]
    annotations = metadata.get("annotations", {}) | {
        names.APPLIED_ANNOTATION: compute_digest(desired)
    }
    return desired | {"metadata": metadata | {"annotations": annotations}}


def read_digest(live: Object) -> str | None:
    """Return the digest of an object when it was last applied; None if it never was."""
    annotations: dict[str, str] = live["metadata"].get("annotations") or {}
    return annotations.get(names.APPLIED_ANNOTATION)
