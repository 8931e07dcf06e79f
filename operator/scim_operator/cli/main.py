"""The command line ``kubectl scim``.

Exit status: 0 if all is well, 1 if something was found or failed, 2 if the command line is wrong,
3 if nothing was found, but not everything is known.
"""

from __future__ import annotations

import io
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from scim_operator import __version__
from scim_operator.api import conditions, names
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import TokenStatus
from scim_operator.cli.cluster.channel import management, reach
from scim_operator.cli.cluster.cluster import Cluster
from scim_operator.cli.commands.backup import backup, restore
from scim_operator.cli.commands.plan import plan_upgrade
from scim_operator.cli.commands.retained import retained
from scim_operator.cli.commands.status import status
from scim_operator.cli.doctor import portal, test_connection
from scim_operator.cli.doctor.checks import Check, Outcome
from scim_operator.cli.doctor.doctor import examine
from scim_operator.cli.doctor.gather import gather
from scim_operator.cli.errors import ClusterError
from scim_operator.cli.output import COLOURS, show, table, text
from scim_operator.cli.session import FOUND, UNKNOWN, Session, command
from scim_operator.timestamps import parse_timestamp

_ROTATION = timedelta(seconds=30)
"""How long the operator is given to carry out a rotation: it takes a second or two."""


_LIMIT = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Most resources; 0: all.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="kubectl scim")
def plugin() -> None:
    """Run tenants of scim-operator and connect them to Microsoft Entra ID.

    Exit status: 0 if all is well, 1 if something was found or failed, 2 if the command line is
    wrong, 3 if nothing was found, but not everything is known.
    """


@plugin.command()
@click.argument("name")
@click.option("--show-token", is_flag=True, help="Print the Secret Token, too.")
@command
def connect(session: Session, name: str, *, show_token: bool) -> None:
    """Say what to paste into Entra, and where."""
    tenant = session.cluster.tenant(name)
    status = tenant.status
    ready = status.condition(conditions.READY)
    reason = ready.message if ready else ""
    if status.tenant_url is None:
        raise ClusterError(f"the tenant {tenant.key} has no Tenant URL yet: {reason}")
    secret_name = status.token_secret_name or names.token_secret(name)
    token = session.cluster.token(tenant) if show_token else None
    steps = portal.steps(tenant.spec.provisioning)
    document = {
        "tenantURL": status.tenant_url,
        "tokenSecretName": secret_name,
        **({"secretToken": token} if token else {}),
        "steps": steps,
    }
    rows = [
        ("Tenant URL", status.tenant_url),
        (
            "Secret Token",
            token or f"key secretToken of the Secret {secret_name}; --show-token prints it",
        ),
    ]
    notes = []
    if not status.tenant_url.startswith("https:"):
        notes.append(
            "Only the cluster reaches this Tenant URL. Entra needs a public https address: set "
            "spec.exposure."
        )
    if not status.is_true(conditions.READY):
        notes.append(f"The tenant is not ready: {reason}")
    show(
        session.output,
        document,
        table(("FIELD", "VALUE"), rows),
        *(text(note, "yellow") for note in notes),
        text(""),
        *(text(f"{number}. {step}.") for number, step in enumerate(steps, 1)),
    )


@plugin.command()
@click.argument("name")
@click.option("--revoke", is_flag=True, help="Refuse every earlier token at once, as after a leak.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def rotate(session: Session, name: str, *, revoke: bool, yes: bool) -> None:
    """Have a new token issued; the old one works until the new one has been used."""
    cluster = session.cluster
    tenant = cluster.tenant(name)
    own = tenant.spec.token.existing_secret
    if own and not revoke:
        raise ClusterError(
            f"the token of {tenant.key} comes from your Secret {own} (spec.token.existingSecret): "
            "write the new token there, and the operator accepts it beside the old one"
        )
    if tenant.is_paused:
        raise ClusterError(
            f"the operator keeps its hands off {tenant.key} while the annotation "
            f"{names.PAUSED_ANNOTATION} is there: remove it first"
        )
    if revoke and not yes:
        click.confirm(
            f"Entra gets 401 from {tenant.key} until the new token is pasted there. Revoke?",
            abort=True,
            err=True,
        )
    unused = None if revoke else _unused_token(tenant)
    if unused and not yes:
        click.confirm(
            f"Nobody has used the token {unused.id} of {tenant.key} yet, which was issued on "
            f"{unused.created_at:%Y-%m-%d %H:%M}Z: paste that one into Entra, or have another "
            "issued. Issue another?",
            abort=True,
            err=True,
        )
    annotation = names.REVOKE_ANNOTATION if revoke else names.ROTATE_ANNOTATION
    known = {token.id for token in tenant.status.tokens}
    # In microseconds: two requests within a second are two.
    value = datetime.now(UTC).isoformat()
    cluster.annotate(tenant.key, annotation, f"{names.FORCE}-{value}" if unused else value)
    new = _wait_for_token(cluster, name, known)
    secret_name = new.status.token_secret_name
    show(
        session.output,
        {
            "token": new.status.tokens[-1].id,
            "tokenSecretName": secret_name,
            "revoked": sorted(known - {token.id for token in new.status.tokens}),
        },
        text(f"The tenant {new.key} has the new token {new.status.tokens[-1].id}."),
        text(
            "Every earlier token is refused from now on."
            if revoke
            else "The old one works until the new one has been used, and then for "
            f"{tenant.spec.token.overlap} at least."
        ),
        text(
            f"Next: once kubectl scim test {name} passes (the pod loads it within a minute or "
            f"two), paste it into Entra's Provisioning page (kubectl scim connect {name} "
            "--show-token), press Test Connection and save."
        ),
    )


def _unused_token(tenant: Tenant) -> TokenStatus | None:
    """Return the token of an earlier rotation that Entra has not got yet."""
    *earlier, newest = tenant.status.tokens or (None,)
    return newest if earlier and newest and newest.last_used is None else None


def _wait_for_token(cluster: Cluster, name: str, known: set[str]) -> Tenant:
    deadline = time.monotonic() + _ROTATION.total_seconds()
    while time.monotonic() < deadline:
        tenant = cluster.tenant(name)
        if tenant.status.tokens and tenant.status.tokens[-1].id not in known:
            return tenant
        time.sleep(0.3)
    raise ClusterError(
        f"the operator has issued no token within {_ROTATION.total_seconds():.0f} s: see that it "
        "runs (kubectl get pods -A -l app.kubernetes.io/name=scim-operator); it makes up for it "
        "as soon as it does"
    )


@plugin.command()
@click.argument("name")
@command
def test(session: Session, name: str) -> None:
    """Do what Entra's Test Connection does, and explain what comes back."""
    tenant = session.cluster.tenant(name)
    token = session.cluster.token(tenant)
    _show_checks(session, tenant, test_connection.test_connection(session.cluster, tenant, token))


@plugin.command()
@click.argument("name")
@click.option(
    "--filter", "wanted", metavar="FILTER", help="SCIM filter, such as 'active eq false'."
)
@_LIMIT
@command
def users(session: Session, name: str, *, wanted: str | None, limit: int) -> None:
    """List the users that Entra has provisioned."""
    found = _resources(session, name, "/Users", wanted, limit)
    rows = [
        (
            user.get("userName"),
            user.get("displayName"),
            ", ".join(mail["value"] for mail in user.get("emails", ()) if mail.get("value")),
            user.get("active", True),
            ", ".join(group.get("display", "?") for group in user.get("groups", ())),
            parse_timestamp(user["meta"]["lastModified"]),
        )
        for user in found
    ]
    columns = ("USERNAME", "DISPLAY NAME", "MAIL", "ACTIVE", "GROUPS", "LAST MODIFIED")
    show(session.output, found, table(columns, rows), *_cut(len(found), limit))


@plugin.command()
@click.argument("name")
@click.option("--filter", "wanted", metavar="FILTER", help="SCIM filter on groups.")
@_LIMIT
@command
def groups(session: Session, name: str, *, wanted: str | None, limit: int) -> None:
    """List the groups that Entra has provisioned."""
    found = _resources(session, name, "/Groups", wanted, limit)
    rows = [
        (
            group.get("displayName"),
            len(group.get("members", ())),
            parse_timestamp(group["meta"]["lastModified"]),
        )
        for group in found
    ]
    columns = ("DISPLAY NAME", "MEMBERS", "LAST MODIFIED")
    show(session.output, found, table(columns, rows), *_cut(len(found), limit))


@plugin.command()
@click.argument("name")
@click.option("--failures", is_flag=True, help="Only requests that were refused.")
@click.option(
    "--request", "wanted", metavar="ID", help="Only this request: our id, or the ingress'."
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Most lines."
)
@command
def activity(
    session: Session, name: str, *, failures: bool, wanted: str | None, limit: int
) -> None:
    """Show recent writes and refused requests, the newest first.

    CLIENT is what the sender calls itself: Entra sends nothing there, curl and browsers do.
    """
    tenant = session.cluster.tenant(name)
    channel = management(session.cluster, tenant)
    query: dict[str, str | int] = {"limit": limit, "refused": str(failures).lower()}
    if wanted:
        query |= {"limit": 1000, "request": wanted}
    lines = channel.fetch("/-/activity", **query).document["activity"]
    if wanted:
        # An older service does not know the question.
        lines = [line for line in lines if wanted in (line["requestId"], line.get("edgeRequestId"))]
    wide = bool(wanted) or session.output == "wide"
    rows = [(*_activity(line), *(_details(line) if wide else ())) for line in lines]
    columns = (
        *("TIME", "OPERATION", "TYPE", "ID", "STATUS", "ERROR", "ATTRIBUTES", "SOURCE", "CLIENT"),
        *(("TOKEN", "REQUEST", "EDGE REQUEST", "REASON") if wide else ()),
    )
    empty = "No request was refused." if failures else "Nothing has been written yet."
    if wanted:
        empty = (
            f"There is no line of the request {wanted}: reads have none, nor have requests without "
            "an accepted token, and lines are kept for 30 days."
        )
    show(session.output, lines, table(columns, rows) if rows else text(empty))


def _activity(line: dict[str, Any]) -> tuple[object, ...]:
    return (
        parse_timestamp(line["at"]),
        line["operation"],
        line["resourceType"],
        line["resourceId"],
        text(line["status"], "red" if line["status"] >= 400 else "green"),
        line["scimType"],
        ", ".join(line["attributes"]),
        line.get("source"),
        line.get("agent"),
    )


def _details(line: dict[str, Any]) -> tuple[object, ...]:
    return (line["tokenId"], line["requestId"], line.get("edgeRequestId"), line.get("reason"))


@plugin.command()
@click.argument("name")
@click.option("--user", metavar="NAME", help="A user who is missed: userName or e-mail address.")
@command
def doctor(session: Session, name: str, *, user: str | None) -> None:
    """Find out why nothing, or not everything, is provisioned, and who can do something."""
    tenant = session.cluster.tenant(name, legible=True)
    checks = examine(gather(session.cluster, tenant, user))
    _show_checks(session, tenant, checks)


for _other in (status, backup, restore, retained, plan_upgrade):
    plugin.add_command(_other)


def _resources(
    session: Session, name: str, path: str, wanted: str | None, limit: int
) -> list[dict[str, Any]]:
    tenant = session.cluster.tenant(name)
    channel = reach(session.cluster, tenant, session.cluster.token(tenant))
    query = {"filter": wanted} if wanted else {}
    return list(channel.resources(path, limit=limit, **query))


def _cut(shown: int, limit: int) -> list[Any]:
    """Say that there may be more."""
    return [text(f"The first {limit}; --limit 0 shows all.", "dim")] if shown == limit else []


def _show_checks(session: Session, tenant: Tenant, checks: list[Check]) -> None:
    """Print what was found; the exit status says whether there is a problem, or a check is open."""
    outcomes = {check.outcome for check in checks}
    fine = Outcome.PROBLEM not in outcomes
    rows: list[tuple[object, ...]] = []
    for check in checks:
        rows.append((check.name, text(check.outcome, COLOURS[check.outcome]), check.message))
        if check.remedy:
            rows.append(("", "", text(f"{check.by}: {check.remedy}", "bold")))
    show(
        session.output,
        {
            "tenant": str(tenant.key),
            "ok": fine,
            "complete": Outcome.UNKNOWN not in outcomes,
            "checks": [asdict(check) for check in checks],
        },
        table(("CHECK", "RESULT", "FOUND"), [[cell or text("") for cell in row] for row in rows]),
    )
    if not fine:
        click.get_current_context().exit(FOUND)
    if Outcome.UNKNOWN in outcomes:
        click.get_current_context().exit(UNKNOWN)


def main() -> None:
    """Run the command line, by the name that kubectl knows it by."""
    for stream in (sys.stdout, sys.stderr):
        # Windows' code pages lack most of what names are written with.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    plugin(prog_name="kubectl scim")
