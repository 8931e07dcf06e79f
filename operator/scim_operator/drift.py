"""Whether an object in the cluster is still what was applied, and what was added to it. Pure.

The watched copy answers that without a request, also right after a start. The annotation with the
digest of the object applied last shows that the wishes have changed, every wanted field must have
the wanted value, and there may be no field more: a sidecar or a port is drift as well. A
server-side apply leaves the fields of others alone, so those are removed by a patch of their own.
What the API server itself fills in is known (`_FILLED_IN`), by its value where that is a constant.
Labels and annotations of the object itself are left to whoever set them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from scim_operator import names, quantities

Object = dict[str, Any]

_MERGE_KEYS = ("name", "mountPath", "containerPort")
"""Lists of such objects are merged by the API server: their order says nothing."""

_HEAD = ("apiVersion", "kind", "metadata", "status")

_ANY = object()
_NOTHING = object()
_PROBE = {"successThreshold": 1}
_FILLED_IN: dict[str, Any] = {
    "ConfigMap": {},
    "Secret": {},
    "NetworkPolicy": {},
    "PodDisruptionBudget": {},
    "Ingress": {"spec": {"ingressClassName": _ANY}},
    "Service": {
        "spec": {
            "clusterIP": _ANY,
            "clusterIPs": _ANY,
            "ipFamilies": _ANY,
            "ipFamilyPolicy": _ANY,
            "internalTrafficPolicy": "Cluster",
            "sessionAffinity": "None",
        }
    },
    "HTTPRoute": {
        "spec": {
            "parentRefs": {"group": "gateway.networking.k8s.io", "kind": "Gateway"},
            "rules": {"backendRefs": {"group": "", "kind": "Service", "weight": 1}},
        }
    },
    "Deployment": {
        "spec": {
            "progressDeadlineSeconds": 600,
            "template": {
                # By `kubectl rollout restart`.
                "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": _ANY}},
                "spec": {
                    "dnsPolicy": "ClusterFirst",
                    "restartPolicy": "Always",
                    "schedulerName": "default-scheduler",
                    "containers": {
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                        "livenessProbe": _PROBE,
                        "readinessProbe": _PROBE,
                        "startupProbe": _PROBE,
                    },
                    "volumes": {"configMap": {"defaultMode": 420}, "secret": {"defaultMode": 420}},
                },
            },
        }
    },
}
"""By kind, what the API server adds to an object; the items of a list share one entry.

A volume claim is not here: nothing can be added to its spec once it is made.
"""


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
    return contains(wanted, live) and not any(_additions(wanted, live))


def contains(wanted: Object, live: Object) -> bool:
    """Tell whether an object has all that is wanted, whatever else it has."""
    return all(
        _contains(live.get(field), value)
        for field, value in wanted.items()
        if field not in ("apiVersion", "kind")
    )


def additions(wanted: Object, live: Object) -> tuple[str, ...]:
    """Return where an object has what nobody asked for, such as ``spec.ports[admin]``."""
    return tuple(_additions(wanted, live))


def restoration(wanted: Object, live: Object) -> list[Object]:
    """Return a JSON patch that leaves of an object only what is wanted.

    It holds for that version of the object; the API server fills its defaults in again. The
    operator's own annotations come with it, which say things of the content.
    """
    metadata = live["metadata"]
    its_own = {
        key: text
        for key, text in wanted["metadata"].get("annotations", {}).items()
        if key.startswith(f"{names.GROUP}/")
    }
    annotations = (metadata.get("annotations") or {}) | its_own
    return [
        {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": metadata["resourceVersion"],
        },
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
        *(
            {"op": "add", "path": f"/{field}", "value": wanted[field]}
            for field in wanted
            if field not in _HEAD
        ),
        *(
            {"op": "remove", "path": f"/{field}"}
            for field in live
            if field not in _HEAD and field not in wanted
        ),
    ]


def state(wanted: Object, live: Object) -> str:
    """Return a digest of what is wanted and of what is there, without what moves by itself."""
    rest = {key: value for key, value in live.items() if key not in _HEAD}
    labels = live["metadata"].get("labels")
    return f"{stamp_of(wanted)}@{stamp({'labels': labels, 'rest': rest})}"


def _additions(wanted: Object, live: Object) -> Iterator[str]:
    filled_in = _FILLED_IN.get(wanted["kind"])
    if filled_in is None:
        return
    for field in live:
        if field in _HEAD:
            continue
        if field in wanted:
            yield from _added(live[field], wanted[field], filled_in.get(field, {}), field)
        else:
            yield field


def _added(live: Any, wanted: Any, filled_in: Any, path: str) -> Iterator[str]:
    if live == wanted:
        return
    if isinstance(live, dict) and isinstance(wanted, dict):
        for key, value in live.items():
            known = filled_in.get(key, _NOTHING) if isinstance(filled_in, dict) else _NOTHING
            if key in wanted:
                yield from _added(value, wanted[key], known, f"{path}.{key}")
            elif value is not None and known is not _ANY and known != value:
                yield f"{path}.{key}"
    elif isinstance(live, list) and isinstance(wanted, list):
        for label, item, its_wanted in _pairs(live, wanted):
            if its_wanted is None:
                yield f"{path}[{label}]"
            else:
                yield from _added(item, its_wanted, filled_in, f"{path}[{label}]")


def _pairs(live: list[Any], wanted: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield each item that is there with its name, and the wanted one or None."""
    if merge_key := _merge_key(live, wanted):
        known = {item[merge_key]: item for item in wanted}
        for item in live:
            yield item[merge_key], item, known.get(item[merge_key])
        return
    for index, item in enumerate(live):
        yield index, item, wanted[index] if index < len(wanted) else None


def _contains(live: Any, wanted: Any) -> bool:
    if live == wanted:
        return True
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            _contains(live.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and _contains_all(live, wanted)
    # The API server rewrites quantities: 1000m comes back as 1.
    if isinstance(live, str) and isinstance(wanted, str):
        number = quantities.read(wanted)
        return number is not None and number == quantities.read(live)
    return False


def _contains_all(live: list[Any], wanted: list[Any]) -> bool:
    if merge_key := _merge_key(live, wanted):
        found = {item[merge_key]: item for item in live}
        return all(_contains(found.get(item[merge_key]), item) for item in wanted)
    return len(live) == len(wanted) and all(map(_contains, live, wanted))


def _merge_key(live: list[Any], wanted: list[Any]) -> str | None:
    """Return the field that tells the items of both lists apart; None if there is none."""
    for key in _MERGE_KEYS:
        is_in_all = all(isinstance(item, dict) and key in item for item in (*wanted, *live))
        if is_in_all and len({item[key] for item in live}) == len(live):
            return key
    return None
