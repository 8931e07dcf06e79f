"""What of an object in the cluster is otherwise than it was applied, and what was added. Pure.

The watched copy answers that without a request, also right after a start. The annotation with the
digest of the object applied last shows that the wishes have changed, every wanted field must have
the wanted value, and there may be no field more: a sidecar or a port is drift as well. A
server-side apply leaves the fields of others alone, so those are removed by a patch of their own.
What the API server itself fills in is known (`_FILLED_IN`), by its value where that is a constant;
what it leaves out or writes in another way, such as empty lists and quantities, is equal.
Labels and annotations of the object itself are left to whoever set them.
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
"""Lists of such objects are merged by the API server: their order says nothing."""

_MAPS = ("matchLabels", "nodeSelector", "labels", "annotations", "limits", "requests")
"""Fields whose value is a map, which is left out if it is empty; an empty object elsewhere, such as
a peer's podSelector, means something."""

_HEAD = ("apiVersion", "kind", "metadata", "status")

_OF_CONTROLLERS = ("deployment.kubernetes.io/revision",)
"""Annotations of the cluster's own controllers on an object itself."""

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


class Item(NamedTuple):
    """A step of a path: the item of a list whose field has a value."""

    key: str
    value: Any


Path = tuple[str | int | Item, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is otherwise than wanted.

    Attributes
    ----------
    path
        The fields that lead to it; in a list an `Item`, or the index where items have no name.
    value
        What is there; None if nothing is.
    added
        Whether nobody asked for the field.
    """

    path: Path
    value: Any
    added: bool = False

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


def find_differences(wanted: Object, live: Object) -> Iterator[Difference]:
    """Yield what of an object in the cluster is otherwise than it is wanted, as `stamped`."""
    kind = wanted["kind"]
    filled_in = _FILLED_IN.get(kind, {})
    for field, value in wanted.items():
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
            if field not in _HEAD and field not in wanted:
                yield Difference((field,), value, added=True)


def is_current(wanted: Object, live: Object) -> bool:
    """Tell whether an object as `stamped` is in the cluster unchanged."""
    return next(find_differences(wanted, live), None) is None


def compute_fingerprint(found: Iterable[Difference]) -> str:
    """Return a digest of differences, with what is there instead."""
    return compute_digest({str(difference): difference.value for difference in found})


def can_restore(wanted: Object) -> bool:
    """Tell whether the whole content of an object can be replaced: not that of a volume claim."""
    return wanted["kind"] in _FILLED_IN


def has_more_metadata(wanted: Object, live: Object) -> bool:
    """Tell whether an object has labels or annotations that an admission rule could go by."""
    return any(
        (live["metadata"].get(field) or {}).keys()
        - {*wanted["metadata"].get(field, {}), *_OF_CONTROLLERS}
        for field in ("labels", "annotations")
    )


def build_restoration(wanted: Object, live: Object, *, bare: bool = False) -> list[Object]:
    """Return a JSON patch that leaves of an object only what is wanted.

    It holds for that version of the object; the API server fills its defaults in again. The
    operator's own annotations come with it, which say things of the content.

    Parameters
    ----------
    bare
        Whether labels and annotations of others go as well, so that a rule of the cluster that goes
        by them does nothing.
    """
    filled_in = _FILLED_IN.get(wanted["kind"], {})
    metadata = live["metadata"]
    its_own = {
        key: text
        for key, text in wanted["metadata"].get("annotations", {}).items()
        if key.startswith(f"{names.GROUP}/")
    }
    annotations = (metadata.get("annotations") or {}) | its_own
    labels: list[Object] = []
    if bare:
        kept = {key: text for key, text in annotations.items() if key in _OF_CONTROLLERS}
        annotations = wanted["metadata"].get("annotations", {}) | kept
        value = wanted["metadata"].get("labels", {})
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
                "value": _with_filled_in(wanted[field], live.get(field), filled_in.get(field)),
            }
            for field in wanted
            if field not in _HEAD
        ),
        *(
            {"op": "remove", "path": f"/{field}"}
            for field in live
            if field not in _HEAD and field not in wanted
        ),
    ]


def _with_filled_in(wanted: Any, live: Any, known: Any) -> Any:
    """Return what is wanted with what is there of the fields that may have any value.

    Without them a restoration would restart pods that `kubectl rollout restart` has restarted.
    """
    if not (isinstance(wanted, dict) and isinstance(live, dict) and isinstance(known, dict)):
        return wanted
    result = dict(wanted)
    for key, what in known.items():
        if key in wanted:
            result[key] = _with_filled_in(wanted[key], live.get(key), what)
        elif what is _ANY and key in live:
            result[key] = live[key]
    return result


def _compare(
    live: Any, wanted: Any, known: Any, path: Path, *, closed: bool
) -> Iterator[Difference]:
    if live == wanted:
        return
    if isinstance(live, dict) and isinstance(wanted, dict):
        yield from _compare_fields(live, wanted, known, path, closed=closed)
    elif isinstance(live, list) and isinstance(wanted, list):
        for step, item, its_wanted in _pairs(live, wanted):
            if item is not _NOTHING and its_wanted is not _NOTHING:
                yield from _compare(item, its_wanted, known, (*path, step), closed=closed)
            elif its_wanted is not _NOTHING:
                yield Difference((*path, step), None)
            elif closed or not isinstance(step, Item):
                yield Difference((*path, step), item, added=closed)
    elif not (live is None and _is_left_out(path, wanted)) and not _are_equal(live, wanted):
        yield Difference(path, live)


def _compare_fields(
    live: Object,
    wanted: Object,
    known: Any,
    path: Path,
    *,
    closed: bool,
) -> Iterator[Difference]:
    known = known if isinstance(known, dict) else {}
    for key, value in wanted.items():
        yield from _compare(live.get(key), value, known.get(key), (*path, key), closed=closed)
    if not closed:
        return
    for key, value in live.items():
        what = known.get(key, _NOTHING)
        if key not in wanted and value is not None and what is not _ANY and what != value:
            yield Difference((*path, key), value, added=True)


def _pairs(live: list[Any], wanted: list[Any]) -> Iterator[tuple[int | Item, Any, Any]]:
    """Yield where an item is, the one that is there and the one that is wanted."""
    if merge_key := _merge_key(live, wanted):
        there = {item[merge_key]: item for item in live}
        asked = {item[merge_key]: item for item in wanted}
        for name in {**asked, **there}:
            yield Item(merge_key, name), there.get(name, _NOTHING), asked.get(name, _NOTHING)
        return
    for index in range(max(len(live), len(wanted))):
        item = live[index] if index < len(live) else _NOTHING
        yield index, item, wanted[index] if index < len(wanted) else _NOTHING


def _is_left_out(path: Path, wanted: Any) -> bool:
    """Tell whether the API server leaves an empty value out."""
    if len(path) > 1 and path[-2] in (*_MAPS, "data"):
        return False
    return wanted in ("", []) or (wanted == {} and path[-1] in _MAPS)


def _are_equal(live: Any, wanted: Any) -> bool:
    """Tell whether two texts are the same quantity: 1000m comes back as 1."""
    if not (isinstance(live, str) and isinstance(wanted, str)):
        return False
    number = quantities.parse(wanted)
    return number is not None and number == quantities.parse(live)


def _merge_key(live: list[Any], wanted: list[Any]) -> str | None:
    """Return the field that tells the items of both lists apart; None if there is none."""
    for key in _MERGE_KEYS:
        is_in_all = all(isinstance(item, dict) and key in item for item in (*wanted, *live))
        if is_in_all and len({item[key] for item in live}) == len(live):
            return key
    return None
