"""A tenant's token, its digests, and the credential of its management port."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.errors import ClusterError, MissingError
from scim_operator.desired.tokens import digests_file, token_format
from scim_operator.kube import secret_data
from scim_operator.kube.kinds import SECRET


def read_token(cluster: Cluster, tenant: Tenant) -> str:
    """Read the token to paste into Entra.

    Raises
    ------
    ClusterError
        There is no token yet, the user may not read it, or it is another tenant's.
    """
    issued = names.token_secret(tenant.key.name)
    name = tenant.status.token_secret_name or issued
    secret = cluster.get(SECRET, name)
    if name != issued and secret_data.is_reserved(secret, tenant.key.name):
        raise ClusterError(
            f"the Secret {name} is the operator's own or another tenant's, and its token is not "
            f"sent for {tenant.key}: correct spec.token.existingSecret"
        )
    token = secret_data.read(secret, secret_data.TOKEN_KEY)
    if token is None:
        raise ClusterError(
            f"the Secret {name} has no {secret_data.TOKEN_KEY}: see the condition TokenReady "
            f"(kubectl scim status {tenant.key.name})"
        )
    return token


def find_token_id(cluster: Cluster, tenant: Key, token: str) -> str | None:
    """Find the id of a token; None if the service does not accept the token.

    Raises
    ------
    ClusterError
        The user may not read the digests.
    """
    try:
        digests = cluster.get(SECRET, names.digest_secret(tenant.name))
    except MissingError:
        return None
    sha256 = token_format.hash_token(token)
    accepted = digests_file.load(secret_data.read(digests, secret_data.DIGESTS_FILE) or "")
    return next((entry.id for entry in accepted if entry.sha256 == sha256), None)


def read_management_credential(cluster: Cluster, tenant: Key) -> str | None:
    """Read the credential of the management port; None if the operator has created none.

    Raises
    ------
    ClusterError
        The user may not read it.
    """
    try:
        secret = cluster.get(SECRET, names.access_secret(tenant.name))
    except MissingError:
        return None
    return secret_data.read(secret, secret_data.ACCESS_KEY)
