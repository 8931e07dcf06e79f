"""Limit the parts of a tenant's spec that reach its pod, Ingress and volume.

Annotations, labels, tolerations and variables are instructions to other programs: an ingress
controller runs a snippet of configuration, a webhook adds a container, a Service of another
application selects the pod. A user who may create ScimTenants may lack the right to any of that,
so the operator passes on only the parts that the administrator allows (`Settings.allow`). The
tenant runs without the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from scim_operator import quantities
from scim_operator.api.conditions import Finding
from scim_operator.api.v1alpha1.pod import MountedVolume, PodSecurity, Resources, Toleration
from scim_operator.api.v1alpha1.spec import Spec
from scim_operator.setting_types import Allow
from scim_operator.settings import Settings

Item = TypeVar("Item")

_MAX_NAMED = 10
"""The maximum number of withheld parts that a message names."""


class Withheld(NamedTuple):
    """A part of a spec that is left out or replaced.

    Attributes
    ----------
    part
        Path of the part in the ScimTenant.
    value
        The chart's value that allows it.
    instead
        The replacement; None if the part is left out.
    """

    part: str
    value: str
    instead: str | None = None


def admit(spec: Spec, settings: Settings) -> tuple[Spec, tuple[Withheld, ...]]:
    """Return a spec with only its allowed parts, and the parts left out or replaced."""
    allow = settings.allow
    withheld: list[Withheld] = []
    update: dict[str, Any] = {}
    if spec.pod_labels:
        kept = _filter_keys(
            spec.pod_labels, allow.pod_labels, "spec.podLabels", "podLabels", withheld
        )
        update["pod_labels"] = kept
    if requested := spec.pod_annotations:
        part, value = "spec.podAnnotations", "podAnnotations"
        update["pod_annotations"] = _filter_keys(
            requested, allow.pod_annotations, part, value, withheld
        )
    if (ingress := spec.exposure.ingress) and (requested := ingress.annotations):
        part, value = "spec.exposure.ingress.annotations", "ingressAnnotations"
        kept = _filter_keys(requested, allow.ingress_annotations, part, value, withheld)
        changed = ingress.model_copy(update={"annotations": kept})
        update["exposure"] = spec.exposure.model_copy(update={"ingress": changed})
    if spec.tolerations:
        update["tolerations"] = _filter_tolerations(spec.tolerations, allow.tolerations, withheld)
    update |= _filter_pod_fields(spec, allow, withheld)
    if not allow.cross_namespace_affinity and _leaves_namespace(spec.affinity):
        update["affinity"] = None
        part = "spec.affinity (it has namespaces or namespaceSelector)"
        withheld.append(Withheld(part, "crossNamespaceAffinity"))
    if spec.resources:
        default = Resources.model_validate(settings.service_resources)
        update["resources"] = _limit_resources(spec.resources, default, allow.resources, withheld)
    if (sqlite := spec.database.sqlite) and _exceeds(sqlite.size, allow.volume_size):
        smaller = sqlite.model_copy(update={"size": allow.volume_size})
        update["database"] = spec.database.model_copy(update={"sqlite": smaller})
        withheld.append(Withheld("spec.database.sqlite.size", "volumeSize", allow.volume_size))
    return spec.model_copy(update=update) if update else spec, tuple(withheld)


def describe_withheld(withheld: Sequence[Withheld]) -> Finding:
    """Describe the withheld parts and the remedy."""
    parts = [
        f"{each.part} {f'is {each.instead} instead' if each.instead else 'is left out'} "
        f"(tenants.allow.{each.value})"
        for each in withheld[:_MAX_NAMED]
    ]
    if len(withheld) > _MAX_NAMED:
        parts.append(f"{len(withheld) - _MAX_NAMED} more")
    return Finding(
        is_good=True,
        reason="NotAllowed",
        message=f"the tenant runs without a part of its spec: {'; '.join(parts)}. Remove it, or "
        "ask the administrator to allow it by the chart's value in brackets",
    )


def _filter_keys(
    requested: Mapping[str, str],
    patterns: Iterable[str],
    part: str,
    value: str,
    withheld: list[Withheld],
) -> dict[str, str]:
    kept = {key: text for key, text in requested.items() if _matches(key, patterns)}
    withheld += [Withheld(f"{part}[{key}]", value) for key in requested if key not in kept]
    return kept


def _matches(key: str, patterns: Iterable[str]) -> bool:
    return any(
        key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern
        for pattern in patterns
    )


def _filter_tolerations(
    requested: Iterable[Toleration], patterns: Iterable[str], withheld: list[Withheld]
) -> tuple[Toleration, ...]:
    kept = []
    for toleration in requested:
        # A toleration without a key tolerates every taint: only the pattern "*" allows it.
        if _matches(toleration.key or "", patterns):
            kept.append(toleration)
        else:
            taint = toleration.key or "every taint"
            withheld.append(Withheld(f"spec.tolerations[{taint}]", "tolerations"))
    return tuple(kept)


def _filter_pod_fields(spec: Spec, allow: Allow, withheld: list[Withheld]) -> dict[str, Any]:
    """Return the allowed priority, ids, variables and volumes, as an update of the spec."""
    update: dict[str, Any] = {}
    name = spec.priority_class_name
    if name and not _matches(name, allow.priority_classes):
        withheld.append(Withheld("spec.priorityClassName", "priorityClasses"))
        update["priority_class_name"] = None
    ids = spec.security_context.model_dump(exclude_defaults=True, by_alias=True)
    kept = _filter_keys(
        ids, allow.security_context, "spec.securityContext", "securityContext", withheld
    )
    if len(kept) < len(ids):
        update["security_context"] = PodSecurity.model_validate(kept)
    variables = _filter_named([(each.name, each) for each in spec.env], allow.env, "env", withheld)
    volumes = _filter_named(
        [(_describe_source(each), each) for each in spec.volumes],
        allow.volumes,
        "volumes",
        withheld,
    )
    return update | {"env": variables, "volumes": volumes}


def _describe_source(volume: MountedVolume) -> str:
    return f"configMap/{volume.config_map}" if volume.config_map else f"secret/{volume.secret}"


def _filter_named(
    requested: Sequence[tuple[str, Item]],
    patterns: Iterable[str],
    field: str,
    withheld: list[Withheld],
) -> tuple[Item, ...]:
    kept = tuple(each for name, each in requested if _matches(name, patterns))
    withheld += [
        Withheld(f"spec.{field}[{name}]", field) for name, each in requested if each not in kept
    ]
    return kept


def _leaves_namespace(affinity: Any) -> bool:
    """Tell whether an affinity names other namespaces, whose pods it can keep from their nodes."""
    if isinstance(affinity, list):
        return any(map(_leaves_namespace, affinity))
    if not isinstance(affinity, dict):
        return False
    # An empty namespaceSelector selects all namespaces; empty namespaces mean the pod's own.
    leaves = bool(affinity.get("namespaces")) or affinity.get("namespaceSelector") is not None
    return leaves or any(map(_leaves_namespace, affinity.values()))


def _exceeds(amount: str, maximum: str) -> bool:
    number, bound = quantities.parse(amount), quantities.parse(maximum)
    return number is None or bound is None or number > bound


def _limit_resources(
    requested: Resources, default: Resources, maxima: Mapping[str, str], withheld: list[Withheld]
) -> Resources:
    """Return resources within the maxima.

    The maximum replaces a missing limit, because a pod without a limit may use its whole node.
    A resource without a maximum gets the operator's default.
    """
    parts: dict[str, dict[str, str]] = {}
    for name in ("requests", "limits"):
        defaults = getattr(default, name) or {}
        parts[name] = {key: defaults[key] for key in defaults if key not in maxima}
        for key, amount in (getattr(requested, name) or {}).items():
            part = f"spec.resources.{name}[{key}]"
            if key not in maxima:
                withheld.append(Withheld(part, "resources", defaults.get(key)))
                continue
            parts[name][key] = amount
            if _exceeds(amount, maxima[key]):
                parts[name][key] = maxima[key]
                withheld.append(Withheld(part, "resources", maxima[key]))
    for key in maxima:
        if key in parts["limits"]:
            continue
        parts["limits"][key] = maxima[key]
        # Without a request, Kubernetes would use the limit as the request.
        parts["requests"].setdefault(key, (default.requests or {}).get(key, "0"))
    return Resources.model_validate(parts)
