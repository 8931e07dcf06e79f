"""Builds a tenant's Secrets from the decisions about its token and its credential."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.desired.objects import secrets
from scim_operator.desired.objects.context import ObjectContext
from scim_operator.desired.tokens import digests_file
from scim_operator.desired.tokens.rotation import TokenPlan
from scim_operator.desired.tokens.tenant_token import read_annotation
from scim_operator.desired.tokens.trusted_secrets import Trusted
from scim_operator.kube import secret_data
from scim_operator.kube.kinds import SECRET, Kind, Object


def build_secrets(
    context: ObjectContext, token: TokenPlan | None, access: TokenPlan | None
) -> list[tuple[Kind, Object]]:
    """Build the Secrets with the token that the operator issues, and with the credential."""
    built = []
    if token and token.stored.token and context.tenant.spec.token.existing_secret is None:
        built.append(secrets.build_token(context, token.stored.token, token.stored.rotated))
    if access and access.stored.token:
        built.append(secrets.build_access(context, access.stored.token))
    return [(SECRET, secret) for secret in built]


def build_digests(
    context: ObjectContext,
    live: Object | None,
    trusted: Trusted,
    token: TokenPlan | None,
    access: TokenPlan | None,
) -> list[tuple[Kind, Object]]:
    """Build the Secret with the digests, which keeps what is not decided about.

    Parameters
    ----------
    live
        That Secret in the cluster; None if there is none.
    """
    accepted = token.stored.accepted if token else trusted.accepted
    if not accepted and live is None:
        # A pod without any accepted token would reject every request: it waits for its volume.
        return []
    files = {secret_data.DIGESTS_FILE: digests_file.dump(accepted)}
    if credentials := access.stored.accepted if access else trusted.access:
        files[secret_data.ACCESS_FILE] = digests_file.dump(credentials)
    revoked = token.stored.revoked if token else read_annotation(live, names.REVOKE_ANNOTATION)
    return [(SECRET, secrets.build_digests(context, files, revoked))]
