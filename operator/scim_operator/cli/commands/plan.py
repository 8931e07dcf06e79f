"""``kubectl scim plan``: which tenants an upgrade of the operator restarts, before it is made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import yaml

from scim_operator.api.tenant import Key, Tenant
from scim_operator.cli.errors import ClusterError, MissingError
from scim_operator.cli.output import show, table, text
from scim_operator.cli.session import Session, command
from scim_operator.desired.restarts import EFFECTS
from scim_operator.kube.kinds import DEPLOYMENT, Object

_PREFIX = "SCIM_OPERATOR_"
_MARK = f"{_PREFIX}SERVICE_IMAGE"
_SHOWN = 60
"""Characters of a value in the table; in JSON it is whole."""


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that is to be another.

    Attributes
    ----------
    setting
        Its environment variable.
    value
        Where it is in the chart's values; None if that is not known.
    restarts
        How many tenants' pods it replaces at most.
    """

    setting: str
    value: str | None
    before: str | None
    after: str | None
    restarts: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an upgrade does to tenants.

    Attributes
    ----------
    operator
        The operator's image before and after.
    tenants, restarts
        How many the operator serves, and how many of them restart.
    sqlite
        How many of these are away while their pod is replaced.
    untouched
        How many are suspended or paused, and stay as they are for now.
    at_a_time
        How many restart at a time.
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
        It is not there.
    """
    for body in manifests:
        if isinstance(body, dict) and body.get("kind") == DEPLOYMENT.name and _MARK in _env(body):
            return body
    raise ClusterError(
        "the file has no Deployment of the operator: give the manifests of the whole release, as "
        "helm template RELEASE CHART -n NAMESPACE -f VALUES prints them"
    )


def make(before: Object, after: Object, tenants: Sequence[Tenant]) -> Plan:
    """Compare two Deployments of the operator.

    Parameters
    ----------
    tenants
        Those of the whole cluster.
    """
    old, new = _env(before), _env(after)
    watched = [name for name in new.get(f"{_PREFIX}WATCH_NAMESPACES", "").split(",") if name]
    served = [each for each in tenants if not watched or each.key.namespace in watched]
    movable = [each for each in served if not (each.is_paused or each.spec.suspended)]
    restarted: set[Key] = set()
    changes = []
    for setting in sorted(old.keys() | new.keys()):
        if _same(old.get(setting), new.get(setting)):
            continue
        effect = EFFECTS.get(setting.removeprefix(_PREFIX).lower())
        hit = {each.key for each in movable if effect and effect.replaces(each)}
        restarted |= hit
        changes.append(
            Change(
                setting,
                effect.value if effect else None,
                old.get(setting),
                new.get(setting),
                len(hit),
            )
        )
    return Plan(
        operator=(_image(before), _image(after)),
        changes=tuple(changes),
        tenants=len(served),
        restarts=len(restarted),
        sqlite=sum(
            each.spec.database.sqlite is not None for each in movable if each.key in restarted
        ),
        untouched=len(served) - len(movable),
        at_a_time=int(new.get(f"{_PREFIX}ROLLOUT_LIMIT", "20")),
    )


def _env(deployment: Object) -> dict[str, str]:
    """Return the settings that are written as they are; the rest follows from the pod."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {
        # The API server leaves out an empty value.
        entry["name"]: entry.get("value", "")
        for container in containers
        for entry in container.get("env") or ()
        if entry["name"].startswith(_PREFIX) and "valueFrom" not in entry
    }


def _image(deployment: Object) -> str:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    images = [
        container["image"]
        for container in containers
        if any(entry["name"] == _MARK for entry in container.get("env") or ())
    ]
    return str(images[0])


def _same(old: str | None, new: str | None) -> bool:
    """Tell whether two values say the same; of JSON the order of its keys does not matter."""
    if old == new:
        return True
    try:
        return bool(old and new and json.loads(old) == json.loads(new))
    except ValueError:
        return False


def _summary(plan: Plan) -> list[str]:
    """Say in sentences what happens."""
    said = [f"{plan.restarts} of {plan.tenants} tenants restart, {plan.at_a_time} at a time."]
    if plan.sqlite:
        said.append(
            f"{plan.sqlite} of them are on SQLite: each is away for the seconds that its pod "
            "takes, after a minute without a request or service.rolloutPatience."
        )
    if plan.untouched:
        said.append(
            f"{plan.untouched} are suspended or paused, and get the new values when they go on."
        )
    before, after = plan.operator
    if before != after:
        said.append(
            f"The operator itself changes from {before} to {after}: another version may make pods "
            "otherwise, and then every tenant restarts; its changelog says so."
        )
    return said


@click.command("plan")
@click.option(
    "-f",
    "--filename",
    "file",
    type=click.File("r", encoding="utf-8"),
    required=True,
    metavar="FILE",
    help="Manifests of the new release, as helm template prints them; - is standard input.",
)
@command
def plan_upgrade(session: Session, file: Any) -> None:
    """Say which tenants an upgrade of the operator restarts, before it is made.

    helm template RELEASE CHART -n NAMESPACE -f VALUES | kubectl scim plan -f -
    """
    try:
        after = find_operator(yaml.safe_load_all(file))
    except yaml.YAMLError as error:
        raise ClusterError(f"the file is no YAML: {error}") from error
    metadata = after["metadata"]
    namespace = metadata.get("namespace") or session.cluster.namespace
    try:
        before = session.cluster.deployment(namespace, metadata["name"])
    except MissingError as error:
        raise MissingError(
            f"there is no Deployment {metadata['name']} in namespace {namespace} to compare with: "
            "give helm template the release's name and namespace"
        ) from error
    plan = make(before, after, session.cluster.tenants(everywhere=True))
    rows = [
        (
            change.value or change.setting,
            _short(change.before),
            _short(change.after),
            change.restarts or None,
        )
        for change in plan.changes
    ]
    show(
        session.output,
        asdict(plan),
        *([table(("VALUE", "BEFORE", "AFTER", "RESTARTS"), rows)] if rows else []),
        *(text(line) for line in _summary(plan)),
    )


def _short(value: str | None) -> str | None:
    if value is None or len(value) <= _SHOWN:
        return value
    return f"{value[: _SHOWN - 3]}..."
