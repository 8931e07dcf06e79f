"""Which parts of a tenant's spec reach its pod, Ingress and volume. Pure.

Annotations, labels, tolerations and variables are instructions to other programs: an ingress
controller runs a snippet of configuration, a webhook adds a container, a Service of another
application selects the pod. Whoever may create ScimTenants need not have the right to any of that,
so only what the administrator's lists (`Settings.allow`) admit is passed on. The tenant goes on
without the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from scim_operator import quantities
from scim_operator.api.conditions import Finding
from scim_operator.api.v1alpha1.pod import MountedVolume, PodSecurity, Resources, Toleration
from scim_operator.api.v1alpha1.spec import Spec
from scim_operator.settings import Allow, Settings

Each = TypeVar("Each")

_NAMED = 10
"""How many of the parts that are not passed on a message names."""


class Withheld(NamedTuple):
    """A part of a spec that is not passed on as it is.

    Attributes
    ----------
    part
        Where it is in the ScimTenant.
    value
        The chart's value that admits it.
    instead
        What is passed on; None if the part is left out.
    """

    part: str
    value: str
    instead: str | None = None


def admit(spec: Spec, settings: Settings) -> tuple[Spec, tuple[Withheld, ...]]:
    """Return a spec with only what is allowed, and what it lacks or has otherwise."""
    allow = settings.allow
    withheld: list[Withheld] = []
    update: dict[str, Any] = {}
    if spec.pod_labels:
        kept = _keys(spec.pod_labels, allow.pod_labels, "spec.podLabels", "podLabels", withheld)
        update["pod_labels"] = kept
    if asked := spec.pod_annotations:
        part, value = "spec.podAnnotations", "podAnnotations"
        update["pod_annotations"] = _keys(asked, allow.pod_annotations, part, value, withheld)
    if (ingress := spec.exposure.ingress) and (asked := ingress.annotations):
        part, value = "spec.exposure.ingress.annotations", "ingressAnnotations"
        kept = _keys(asked, allow.ingress_annotations, part, value, withheld)
        changed = ingress.model_copy(update={"annotations": kept})
        update["exposure"] = spec.exposure.model_copy(update={"ingress": changed})
    if spec.tolerations:
        update["tolerations"] = _tolerations(spec.tolerations, allow.tolerations, withheld)
    update |= _freedoms(spec, allow, withheld)
    if not allow.cross_namespace_affinity and _leaves_namespace(spec.affinity):
        update["affinity"] = None
        part = "spec.affinity (it has namespaces or namespaceSelector)"
        withheld.append(Withheld(part, "crossNamespaceAffinity"))
    if spec.resources:
        default = Resources.model_validate(settings.service_resources)
        update["resources"] = _resources(spec.resources, default, allow.resources, withheld)
    if (sqlite := spec.database.sqlite) and _exceeds(sqlite.size, allow.volume_size):
        smaller = sqlite.model_copy(update={"size": allow.volume_size})
        update["database"] = spec.database.model_copy(update={"sqlite": smaller})
        withheld.append(Withheld("spec.database.sqlite.size", "volumeSize", allow.volume_size))
    return spec.model_copy(update=update) if update else spec, tuple(withheld)


def describe_withheld(withheld: Sequence[Withheld]) -> Finding:
    """Say what is not passed on, and who can do what about it."""
    parts = [
        f"{each.part} {f'is {each.instead} instead' if each.instead else 'is left out'} "
        f"(tenants.allow.{each.value})"
        for each in withheld[:_NAMED]
    ]
    if len(withheld) > _NAMED:
        parts.append(f"{len(withheld) - _NAMED} more")
    return Finding(
        is_good=True,
        reason="NotAllowed",
        message=f"the tenant runs without a part of its spec: {'; '.join(parts)}. Remove it, or "
        "have the administrator allow it by the chart's value in brackets",
    )


def _keys(
    asked: Mapping[str, str],
    patterns: Iterable[str],
    part: str,
    value: str,
    withheld: list[Withheld],
) -> dict[str, str]:
    kept = {key: text for key, text in asked.items() if _matches(key, patterns)}
    withheld += [Withheld(f"{part}[{key}]", value) for key in asked if key not in kept]
    return kept


def _matches(key: str, patterns: Iterable[str]) -> bool:
    return any(
        key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern
        for pattern in patterns
    )


def _tolerations(
    asked: Iterable[Toleration], patterns: Iterable[str], withheld: list[Withheld]
) -> tuple[Toleration, ...]:
    kept = []
    for toleration in asked:
        # One without a key tolerates every taint, as only the pattern "*" does.
        if _matches(toleration.key or "", patterns):
            kept.append(toleration)
        else:
            taint = toleration.key or "every taint"
            withheld.append(Withheld(f"spec.tolerations[{taint}]", "tolerations"))
    return tuple(kept)


def _freedoms(spec: Spec, allow: Allow, withheld: list[Withheld]) -> dict[str, Any]:
    """Return what is left of a pod's priority, ids, variables and volumes, where it is less."""
    update: dict[str, Any] = {}
    name = spec.priority_class_name
    if name and not _matches(name, allow.priority_classes):
        withheld.append(Withheld("spec.priorityClassName", "priorityClasses"))
        update["priority_class_name"] = None
    ids = spec.security_context.model_dump(exclude_defaults=True, by_alias=True)
    kept = _keys(ids, allow.security_context, "spec.securityContext", "securityContext", withheld)
    if len(kept) < len(ids):
        update["security_context"] = PodSecurity.model_validate(kept)
    variables = _named([(each.name, each) for each in spec.env], allow.env, "env", withheld)
    volumes = _named(
        [(_source(each), each) for each in spec.volumes], allow.volumes, "volumes", withheld
    )
    return update | {"env": variables, "volumes": volumes}


def _source(volume: MountedVolume) -> str:
    return f"configMap/{volume.config_map}" if volume.config_map else f"secret/{volume.secret}"


def _named(
    asked: Sequence[tuple[str, Each]],
    patterns: Iterable[str],
    field: str,
    withheld: list[Withheld],
) -> tuple[Each, ...]:
    kept = tuple(each for name, each in asked if _matches(name, patterns))
    withheld += [
        Withheld(f"spec.{field}[{name}]", field) for name, each in asked if each not in kept
    ]
    return kept


def _leaves_namespace(affinity: Any) -> bool:
    """Tell whether an affinity speaks of pods elsewhere, which it can keep off their nodes."""
    if isinstance(affinity, list):
        return any(map(_leaves_namespace, affinity))
    if not isinstance(affinity, dict):
        return False
    # An empty selector of namespaces selects all, an empty list of them means the pod's own.
    elsewhere = bool(affinity.get("namespaces")) or affinity.get("namespaceSelector") is not None
    return elsewhere or any(map(_leaves_namespace, affinity.values()))


def _exceeds(amount: str, most: str) -> bool:
    number, bound = quantities.parse(amount), quantities.parse(most)
    return number is None or bound is None or number > bound


def _resources(
    asked: Resources, default: Resources, most: Mapping[str, str], withheld: list[Withheld]
) -> Resources:
    """Return resources within the maxima.

    A limit that is left out is the maximum: without one, a pod may use all that its node has. Of
    what has no maximum the tenant gets the operator's default.
    """
    parts: dict[str, dict[str, str]] = {}
    for name in ("requests", "limits"):
        usual = getattr(default, name) or {}
        parts[name] = {key: usual[key] for key in usual if key not in most}
        for key, amount in (getattr(asked, name) or {}).items():
            part = f"spec.resources.{name}[{key}]"
            if key not in most:
                withheld.append(Withheld(part, "resources", usual.get(key)))
                continue
            parts[name][key] = amount
            if _exceeds(amount, most[key]):
                parts[name][key] = most[key]
                withheld.append(Withheld(part, "resources", most[key]))
    for key in most:
        if key in parts["limits"]:
            continue
        parts["limits"][key] = most[key]
        # Or Kubernetes would take the limit as the request.
        parts["requests"].setdefault(key, (default.requests or {}).get(key, "0"))
    return Resources.model_validate(parts)
