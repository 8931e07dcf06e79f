"""Whether an object in the cluster is still what was applied. Pure.

The watched copy answers that without a request, also right after a start. Two tests are needed:
the annotation with the digest of the object applied last shows that the wishes have changed (a
field that is wanted no longer would otherwise stay), and every wanted field must have the wanted
value (somebody may have edited it). Fields that nobody asked for are left to whoever set them.
"""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from typing import Any

from scim_operator import names

Object = dict[str, Any]

_MERGE_KEYS = ("name", "mountPath", "containerPort")
"""Lists of such objects are merged by the API server, so that others may add to them."""

_EXACT = ("NetworkPolicy",)
"""Kinds that the API server adds no defaults to, and where a field more can undo the rest."""

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))"
    r"(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?[0-9]{1,2}))?"
)
_FACTORS = {
    unit: Decimal(1000) ** power for power, unit in enumerate(("n", "u", "m", "", *"kMGTPE"), -3)
} | {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}


def quantity(text: str) -> Decimal | None:
    """Read a Kubernetes quantity (``500Mi``, ``100m``, ``1e3``); None if it is not one."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    return Decimal(f"{found[1]}e{found[3] or 0}") * _FACTORS[found[2] or ""]


def stamp(wanted: Object) -> str:
    """Return the digest of an object."""
    text = json.dumps(wanted, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stamped(wanted: Object) -> Object:
    """Return a copy of an object with the annotation that carries its digest."""
    metadata = wanted["metadata"]
    annotations = metadata.get("annotations", {}) | {names.APPLIED_ANNOTATION: stamp(wanted)}
    return wanted | {"metadata": metadata | {"annotations": annotations}}


def stamp_of(live: Object) -> str | None:
    """Return the digest of an object as it was applied last; None if it never was."""
    annotations: dict[str, str] = live["metadata"].get("annotations") or {}
    return annotations.get(names.APPLIED_ANNOTATION)


def is_current(wanted: Object, live: Object) -> bool:
    """Tell whether an object as `stamped` is in the cluster unchanged."""
    if wanted["kind"] in _EXACT and live.get("spec") != wanted["spec"]:
        return False
    return all(
        _contains(live.get(field), value)
        for field, value in wanted.items()
        if field not in ("apiVersion", "kind")
    )


def _contains(live: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            _contains(live.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and _contains_all(live, wanted)
    if live == wanted:
        return True
    # The API server rewrites quantities: 1000m comes back as 1.
    if isinstance(live, str) and isinstance(wanted, str):
        number = quantity(wanted)
        return number is not None and number == quantity(live)
    return False


def _contains_all(live: list[Any], wanted: list[Any]) -> bool:
    for merge_key in _MERGE_KEYS:
        if all(isinstance(item, dict) and merge_key in item for item in (*wanted, *live)):
            found = {item[merge_key]: item for item in live}
            if len(found) == len(live):
                return all(_contains(found.get(item[merge_key]), item) for item in wanted)
    return len(live) == len(wanted) and all(map(_contains, live, wanted))
