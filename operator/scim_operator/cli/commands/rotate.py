"""The command ``rotate``: a new token for a tenant."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import TokenStatus
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.tenants import annotate_tenant, read_tenant
from scim_operator.cli.errors import ClusterError
from scim_operator.cli.output import create_text, show
from scim_operator.cli.session import Session, command

_TIMEOUT_SECONDS = 30.0
"""Time for the operator to issue a token; it takes a second or two."""

_POLL_SECONDS = 0.3


@click.command()
@click.argument("name")
@click.option("--revoke", is_flag=True, help="Refuse every earlier token at once, as after a leak.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def rotate(session: Session, name: str, *, revoke: bool, yes: bool) -> None:
    """Issue a new token beside the old one.

    The service accepts the old token until Entra has used the new one, and for some time after.
    """
    cluster = session.cluster
    tenant = read_tenant(cluster, name)
    _require_rotatable(tenant, revoke=revoke)
    unused = None if revoke else _find_unused_token(tenant)
    if not yes:
        _confirm(tenant, unused, revoke=revoke)
    known = {token.id for token in tenant.status.tokens}
    _request_token(cluster, tenant, revoke=revoke, force=unused is not None)
    new = _wait_for_token(cluster, name, known)
    _show_token(session, new, known, revoke=revoke)


def _require_rotatable(tenant: Tenant, *, revoke: bool) -> None:
    """Check that the operator may issue a token.

    Raises
    ------
    ClusterError
        The user supplies the token, or the tenant is paused.
    """
    own = tenant.spec.token.existing_secret
    if own and not revoke:
        raise ClusterError(
            f"the token of {tenant.key} comes from your Secret {own} (spec.token.existingSecret): "
            "write the new token there, and the operator accepts it beside the old one"
        )
    if tenant.is_paused:
        raise ClusterError(
            f"reconciliation of {tenant.key} is paused by the annotation "
            f"{names.PAUSED_ANNOTATION}: remove it first"
        )


def _find_unused_token(tenant: Tenant) -> TokenStatus | None:
    """Return the token of an earlier rotation that Entra has not used yet."""
    *earlier, newest = tenant.status.tokens or (None,)
    return newest if earlier and newest and newest.last_used is None else None


def _confirm(tenant: Tenant, unused: TokenStatus | None, *, revoke: bool) -> None:
    """Ask before a rotation that locks Entra out, or that is probably a mistake."""
    if revoke:
        question = f"Entra gets 401 from {tenant.key} until you paste the new token there. Revoke?"
    elif unused:
        question = (
            f"Entra has not used the token {unused.id} of {tenant.key} yet, which was issued on "
            f"{unused.created_at:%Y-%m-%d %H:%M}Z: paste that one into Entra, or issue another "
            "one. Issue another?"
        )
    else:
        return
    click.confirm(question, abort=True, err=True)


def _request_token(cluster: Cluster, tenant: Tenant, *, revoke: bool, force: bool) -> None:
    annotation = names.REVOKE_ANNOTATION if revoke else names.ROTATE_ANNOTATION
    # With microseconds, because two requests within a second are two.
    value = datetime.now(UTC).isoformat()
    annotate_tenant(cluster, tenant.key, annotation, f"{names.FORCE}-{value}" if force else value)


def _wait_for_token(cluster: Cluster, name: str, known: set[str]) -> Tenant:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        tenant = read_tenant(cluster, name)
        if tenant.status.tokens and tenant.status.tokens[-1].id not in known:
            return tenant
        time.sleep(_POLL_SECONDS)
    raise ClusterError(
        f"the operator has issued no token within {_TIMEOUT_SECONDS:.0f} s: check that it runs "
        "(kubectl get pods -A -l app.kubernetes.io/name=scim-operator); it issues the token as "
        "soon as it runs"
    )


def _show_token(session: Session, tenant: Tenant, known: set[str], *, revoke: bool) -> None:
    accepted = tenant.status.tokens
    name = tenant.key.name
    show(
        session.output,
        {
            "token": accepted[-1].id,
            "tokenSecretName": tenant.status.token_secret_name,
            "revoked": sorted(known - {token.id for token in accepted}),
        },
        create_text(f"The tenant {tenant.key} has the new token {accepted[-1].id}."),
        create_text(
            "The service refuses every earlier token from now on."
            if revoke
            else "The old token is accepted until Entra has used the new one, and then for at "
            f"least {tenant.spec.token.overlap}."
        ),
        create_text(
            f"Next: when kubectl scim test {name} passes (the pod loads the token within a minute "
            f"or two), paste it into Entra's Provisioning page (kubectl scim connect {name} "
            "--show-token), press Test Connection and save."
        ),
    )
