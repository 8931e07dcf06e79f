"""Compares two Deployments of the operator: which tenants does an upgrade restart?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scim_operator.api.tenant import Key, Tenant
from scim_operator.cli.errors import ClusterError
from scim_operator.desired.restarts import EFFECTS
from scim_operator.kube.kinds import DEPLOYMENT, Object

_PREFIX = "SCIM_OPERATOR_"
_MARK = f"{_PREFIX}SERVICE_IMAGE"


@dataclass(frozen=True, slots=True)
class Change:
    """A changed setting.

    Attributes
    ----------
    setting
        Its environment variable.
    value
        Its path in the chart's values; None if that is not known.
    restarts
        The number of tenants whose pods it replaces, at most.
    """

    setting: str
    value: str | None
    before: str | None
    after: str | None
    restarts: int


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """The effect of an upgrade on tenants.

    Attributes
    ----------
    operator
        The operator's image before and after.
    tenants, restarts
        The number of tenants that the operator serves, and of those that restart.
    sqlite
        The number of restarting tenants that are unavailable while their pod is replaced.
    untouched
        The number of suspended or paused tenants, which keep their old values for now.
    at_a_time
        The number of tenants that restart at the same time.
    """

    operator: tuple[str, str]
    changes: tuple[Change, ...]
    tenants: int
    restarts: int
    sqlite: int
    untouched: int
    at_a_time: int


def find_operator(manifests: Iterable[Any]) -> Object:
    """Find the operator's Deployment among the manifests of a release.

    Raises
    ------
    ClusterError
        The manifests have none.
    """
    for body in manifests:
        if (
            isinstance(body, dict)
            and body.get("kind") == DEPLOYMENT.name
            and _MARK in _read_settings(body)
        ):
            return body
    raise ClusterError(
        "the file has no Deployment of the operator: pass the manifests of the whole release, as "
        "helm template RELEASE CHART -n NAMESPACE -f VALUES prints them"
    )


def compare(before: Object, after: Object, tenants: Sequence[Tenant]) -> UpgradePlan:
    """Compare two Deployments of the operator.

    Parameters
    ----------
    tenants
        All tenants of the cluster.
    """
    old, new = _read_settings(before), _read_settings(after)
    watched = [name for name in new.get(f"{_PREFIX}WATCH_NAMESPACES", "").split(",") if name]
    served = [each for each in tenants if not watched or each.key.namespace in watched]
    movable = [each for each in served if not (each.is_paused or each.spec.suspended)]
    restarted: set[Key] = set()
    changes = []
    for setting in sorted(old.keys() | new.keys()):
        if _is_same(old.get(setting), new.get(setting)):
            continue
        effect = EFFECTS.get(setting.removeprefix(_PREFIX).lower())
        affected = {each.key for each in movable if effect and effect.replaces(each)}
        restarted |= affected
        changes.append(
            Change(
                setting,
                effect.value if effect else None,
                old.get(setting),
                new.get(setting),
                len(affected),
            )
        )
    return UpgradePlan(
        operator=(_read_image(before), _read_image(after)),
        changes=tuple(changes),
        tenants=len(served),
        restarts=len(restarted),
        sqlite=sum(
            each.spec.database.sqlite is not None for each in movable if each.key in restarted
        ),
        untouched=len(served) - len(movable),
        at_a_time=int(new.get(f"{_PREFIX}ROLLOUT_LIMIT", "20")),
    )


def _read_settings(deployment: Object) -> dict[str, str]:
    """Return the settings with literal values; all others follow from the pod."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {
        # The API server omits empty values.
        entry["name"]: entry.get("value", "")
        for container in containers
        for entry in container.get("env") or ()
        if entry["name"].startswith(_PREFIX) and "valueFrom" not in entry
    }


def _read_image(deployment: Object) -> str:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    images = [
        container["image"]
        for container in containers
        if any(entry["name"] == _MARK for entry in container.get("env") or ())
    ]
    return str(images[0])


def _is_same(old: str | None, new: str | None) -> bool:
    """Compare two values; as JSON, without the order of keys."""
    if old == new:
        return True
    try:
        return bool(old and new and json.loads(old) == json.loads(new))
    except ValueError:
        return False
