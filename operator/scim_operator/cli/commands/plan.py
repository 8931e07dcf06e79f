"""The command ``plan``: the tenants that an upgrade of the operator restarts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
import yaml

from scim_operator.cli.cluster.tenants import list_tenants
from scim_operator.cli.errors import ClusterError, MissingError
from scim_operator.cli.output import create_table, create_text, show
from scim_operator.cli.session import Session, command
from scim_operator.cli.upgrade_plan import UpgradePlan, compare, find_operator
from scim_operator.kube.kinds import DEPLOYMENT

_SHOWN = 60
"""Characters of a value in the table; JSON has all of it."""


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
def plan(session: Session, file: Any) -> None:
    """Show which tenants an upgrade of the operator would restart.

    helm template RELEASE CHART -n NAMESPACE -f VALUES | kubectl scim plan -f -
    """
    try:
        after = find_operator(yaml.safe_load_all(file))
    except yaml.YAMLError as error:
        raise ClusterError(f"the file is no YAML: {error}") from error
    metadata = after["metadata"]
    namespace = metadata.get("namespace") or session.cluster.namespace
    try:
        before = session.cluster.get(DEPLOYMENT, metadata["name"], namespace)
    except MissingError as error:
        raise MissingError(
            f"there is no Deployment {metadata['name']} in namespace {namespace} to compare with: "
            "call helm template with the release's name and namespace"
        ) from error
    found = compare(before, after, list_tenants(session.cluster, everywhere=True))
    rows = [
        (
            change.value or change.setting,
            _shorten(change.before),
            _shorten(change.after),
            change.restarts or None,
        )
        for change in found.changes
    ]
    show(
        session.output,
        asdict(found),
        *([create_table(("VALUE", "BEFORE", "AFTER", "RESTARTS"), rows)] if rows else []),
        *(create_text(line) for line in _summarize(found)),
    )


def _summarize(plan: UpgradePlan) -> list[str]:
    """Describe the plan in sentences."""
    lines = [f"{plan.restarts} of {plan.tenants} tenants restart, {plan.at_a_time} at a time."]
    if plan.sqlite:
        lines.append(
            f"{plan.sqlite} of them use SQLite: each is unavailable for the seconds that its new "
            "pod needs, after a minute without requests or after service.rolloutPatience."
        )
    if plan.untouched:
        lines.append(
            f"{plan.untouched} are suspended or paused, and get the new values when they resume."
        )
    before, after = plan.operator
    if before != after:
        lines.append(
            f"The operator itself changes from {before} to {after}: another version may create "
            "different pods, and then every tenant restarts; its changelog says so."
        )
    return lines


def _shorten(value: str | None) -> str | None:
    if value is None or len(value) <= _SHOWN:
        return value
    return f"{value[: _SHOWN - 3]}..."
