"""Finds how an object in the cluster differs from the desired one, and builds the patch back.

The watched copy is compared, without a request. The annotation with the digest of the last applied
object shows whether the desired object has changed, every desired field must have its value, and
there may be no other field: an added sidecar or port is drift as well. A server-side apply leaves
fields of other clients alone, so a separate patch removes them. `_FILLED_IN` lists what the API
server fills in, with its value where that is constant; fields that it omits or normalizes, such as
empty lists and quantities, are equal. Labels and annotations of the object itself may be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from scim_operator import quantities
from scim_operator.api import names
from scim_operator.desired.objects.applied_digest import compute_digest
from scim_operator.kube.kinds import Object

_MERGE_KEYS = ("name", "mountPath", "containerPort")
"""The API server merges lists of objects with these keys, so their order means nothing."""

_MAPS = ("matchLabels", "nodeSelector", "labels", "annotations", "limits", "requests")
"""Fields with a map, which the API server omits if it is empty; any other empty object, such as a
peer's podSelector, has a meaning."""

_HEAD = ("apiVersion", "kind", "metadata", "status")

_OF_CONTROLLERS = ("deployment.kubernetes.io/revision",)
"""Annotations that the cluster's own controllers write."""

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
                # Written by `kubectl rollout restart`.
                "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": _ANY}},
                "spec": {
                    "dnsPolicy": "ClusterFirst",
                    "restartPolicy": "Always",
                    "schedulerName": "default-scheduler",
                    "containers": {
                        "terminationMessagePath": "/dev/termination-log",
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

A volume claim is missing, because nothing can be added to the spec of an existing claim.
"""


class Item(NamedTuple):
    """A step of a path: the list item that is identified by a field and its value."""

    key: str
    value: Any


Path = tuple[str | int | Item, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs from the desired object.

    Attributes
    ----------
    path
        The fields that lead to it; in a list an `Item`, or the index if items have no name.
    value
        The existing value; None if there is none.
    is_added
        Whether the desired object does not have the field.
    """

    path: Path
    value: Any
    is_added: bool = False

    def __str__(self) -> str:
        """Name the field, such as ``spec.ports[admin]``."""
        parts = (
            f".{step}"
            if isinstance(step, str)
            else f"[{step.value if isinstance(step, Item) else step}]"
            for step in self.path
        )
        return "".join(parts).removeprefix(".")

    @property
    def in_metadata(self) -> bool:
        """Whether the field is in the object's own metadata."""
        return self.path[0] == "metadata"


def find_differences(desired: Object, live: Object) -> Iterator[Difference]:
    """Yield how an existing object differs from the desired one with its digest."""
    kind = desired["kind"]
    filled_in = _FILLED_IN.get(kind, {})
    for field, value in desired.items():
        if field in ("apiVersion", "kind"):
            continue
        yield from _compare(
            live.get(field),
            value,
            filled_in.get(field, {}),
            path=(field,),
            closed=kind in _FILLED_IN and field not in _HEAD,
        )
    if kind in _FILLED_IN:
        for field, value in live.items():
            if field not in _HEAD and field not in desired:
                yield Difference((field,), value, is_added=True)


def is_current(desired: Object, live: Object) -> bool:
    """Tell whether an existing object equals the desired one with its digest."""
    return next(find_differences(desired, live), None) is None


def compute_fingerprint(found: Iterable[Difference]) -> str:
    """Return a digest of differences and of the existing values."""
    return compute_digest({str(difference): difference.value for difference in found})


def can_restore(desired: Object) -> bool:
    """Tell whether all content of an object can be replaced, unlike that of a volume claim."""
    return desired["kind"] in _FILLED_IN


def has_more_metadata(desired: Object, live: Object) -> bool:
    """Tell whether an object has other labels or annotations, which an admission rule may read."""
    return any(
        (live["metadata"].get(field) or {}).keys()
        - {*desired["metadata"].get(field, {}), *_OF_CONTROLLERS}
        for field in ("labels", "annotations")
    )


def build_restoration(desired: Object, live: Object, *, is_bare: bool = False) -> list[Object]:
    """Return a JSON patch that leaves only the desired content of an object.

    The patch is valid for that version of the object; the API server fills its defaults in again.
    The operator's own annotations are part of it, because they describe the content.

    Parameters
    ----------
    is_bare
        Whether to remove labels and annotations of other clients as well, so that a rule of the
        cluster that reads them has no effect.
    """
    filled_in = _FILLED_IN.get(desired["kind"], {})
    metadata = live["metadata"]
    own = {
        key: text
        for key, text in desired["metadata"].get("annotations", {}).items()
        if key.startswith(f"{names.GROUP}/")
    }
    annotations = (metadata.get("annotations") or {}) | own
    labels: list[Object] = []
    if is_bare:
        kept = {key: text for key, text in annotations.items() if key in _OF_CONTROLLERS}
        annotations = desired["metadata"].get("annotations", {}) | kept
        value = desired["metadata"].get("labels", {})
        labels = [{"op": "add", "path": "/metadata/labels", "value": value}]
    return [
        {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": metadata["resourceVersion"],
        },
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
        *labels,
        *(
            {
                "op": "add",
                "path": f"/{field}",
                "value": _add_filled_in(desired[field], live.get(field), filled_in.get(field)),
            }
            for field in desired
            if field not in _HEAD
        ),
        *(
            {"op": "remove", "path": f"/{field}"}
            for field in live
            if field not in _HEAD and field not in desired
        ),
    ]


def _add_filled_in(desired: Any, live: Any, known: Any) -> Any:
    """Return desired content with the existing values of fields that may have any value.

    Without them the patch would restart pods that `kubectl rollout restart` has restarted.
    """
    if not (isinstance(desired, dict) and isinstance(live, dict) and isinstance(known, dict)):
        return desired
    result = dict(desired)
    for key, what in known.items():
        if key in desired:
            result[key] = _add_filled_in(desired[key], live.get(key), what)
        elif what is _ANY and key in live:
            result[key] = live[key]
    return result


def _compare(
    live: Any, desired: Any, known: Any, path: Path, *, closed: bool
) -> Iterator[Difference]:
    if live == desired:
        return
    if isinstance(live, dict) and isinstance(desired, dict):
        yield from _compare_fields(live, desired, known, path, closed=closed)
    elif isinstance(live, list) and isinstance(desired, list):
        for step, item, desired_item in _pair_items(live, desired):
            if item is not _NOTHING and desired_item is not _NOTHING:
                yield from _compare(item, desired_item, known, (*path, step), closed=closed)
            elif desired_item is not _NOTHING:
                yield Difference((*path, step), None)
            elif closed or not isinstance(step, Item):
                yield Difference((*path, step), item, is_added=closed)
    elif not (live is None and _is_omitted(path, desired)) and not _are_equal(live, desired):
        yield Difference(path, live)


def _compare_fields(
    live: Object,
    desired: Object,
    known: Any,
    path: Path,
    *,
    closed: bool,
) -> Iterator[Difference]:
    known = known if isinstance(known, dict) else {}
    for key, value in desired.items():
        yield from _compare(live.get(key), value, known.get(key), (*path, key), closed=closed)
    if not closed:
        return
    for key, value in live.items():
        what = known.get(key, _NOTHING)
        if key not in desired and value is not None and what is not _ANY and what != value:
            yield Difference((*path, key), value, is_added=True)


def _pair_items(live: list[Any], desired: list[Any]) -> Iterator[tuple[int | Item, Any, Any]]:
    """Yield the position of each item, the existing item and the desired one."""
    if merge_key := _find_merge_key(live, desired):
        there = {item[merge_key]: item for item in live}
        asked = {item[merge_key]: item for item in desired}
        for name in {**asked, **there}:
            yield Item(merge_key, name), there.get(name, _NOTHING), asked.get(name, _NOTHING)
        return
    for index in range(max(len(live), len(desired))):
        item = live[index] if index < len(live) else _NOTHING
        yield index, item, desired[index] if index < len(desired) else _NOTHING


def _is_omitted(path: Path, desired: Any) -> bool:
    """Tell whether the API server omits an empty value."""
    if len(path) > 1 and path[-2] in (*_MAPS, "data"):
        return False
    return desired in ("", []) or (desired == {} and path[-1] in _MAPS)


def _are_equal(live: Any, desired: Any) -> bool:
    """Tell whether two texts are the same quantity: the API server returns 1000m as 1."""
    if not (isinstance(live, str) and isinstance(desired, str)):
        return False
    number = quantities.parse(desired)
    return number is not None and number == quantities.parse(live)


def _find_merge_key(live: list[Any], desired: list[Any]) -> str | None:
    """Return the field that identifies the items of both lists; None if there is none."""
    for key in _MERGE_KEYS:
        is_in_all = all(isinstance(item, dict) and key in item for item in (*desired, *live))
        if is_in_all and len({item[key] for item in live}) == len(live):
            return key
    return None
