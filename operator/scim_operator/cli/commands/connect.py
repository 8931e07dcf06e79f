"""The command ``connect``: the values and steps for the Entra admin center."""

from __future__ import annotations

import click

from scim_operator.api import conditions, names
from scim_operator.cli.cluster.tenant_secrets import read_token
from scim_operator.cli.cluster.tenants import read_tenant
from scim_operator.cli.doctor.entra_portal import list_steps
from scim_operator.cli.errors import ClusterError
from scim_operator.cli.output import create_table, create_text, show
from scim_operator.cli.session import Session, command


@click.command()
@click.argument("name")
@click.option("--show-token", is_flag=True, help="Print the Secret Token as well.")
@command
def connect(session: Session, name: str, *, show_token: bool) -> None:
    """Show the values to paste into Entra, and each step there."""
    tenant = read_tenant(session.cluster, name)
    status = tenant.status
    ready = status.condition(conditions.READY)
    reason = ready.message if ready else ""
    if status.tenant_url is None:
        raise ClusterError(f"the tenant {tenant.key} has no Tenant URL yet: {reason}")
    secret_name = status.token_secret_name or names.token_secret(name)
    token = read_token(session.cluster, tenant) if show_token else None
    steps = list_steps(tenant.spec.provisioning)
    document = {
        "tenantURL": status.tenant_url,
        "tokenSecretName": secret_name,
        **({"secretToken": token} if token else {}),
        "steps": steps,
    }
    hidden = f"key secretToken of the Secret {secret_name}; --show-token prints it"
    rows = [("Tenant URL", status.tenant_url), ("Secret Token", token or hidden)]
    notes = []
    if not status.tenant_url.startswith("https:"):
        notes.append(
            "This Tenant URL is reachable inside the cluster only. Entra needs a public https "
            "address: set spec.exposure."
        )
    if not status.is_true(conditions.READY):
        notes.append(f"The tenant is not ready: {reason}")
    show(
        session.output,
        document,
        create_table(("FIELD", "VALUE"), rows),
        *(create_text(note, "yellow") for note in notes),
        create_text(""),
        *(create_text(f"{number}. {step}.") for number, step in enumerate(steps, 1)),
    )
