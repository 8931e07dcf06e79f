"""Names shared by several packages: the API group, labels, annotations, a tenant's objects.

The names of objects and labels are part of the contract with the service (``docs/contract.md``).
"""

import hashlib

GROUP = "scim-operator.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ScimTenant"
PLURAL = "scimtenants"

MANAGER = "scim-operator"
"""The field manager of every server-side apply, and the source of every event."""

SERVICE = "scim-service"

TENANT_LABEL = f"{GROUP}/tenant"
"""On every owned object, with the tenant's name; the operator watches objects by it."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"

INSTANCE_LABEL = "app.kubernetes.io/instance"
"""On pods only: deployment tools that track objects by this label would claim other objects."""

CLAIM_LABEL = f"{GROUP}/claim"
"""On every ConfigMap of a URL claim, with the name of the operator's Lease."""

APPLIED_ANNOTATION = f"{GROUP}/applied"
"""On every owned object: digest of the last applied desired object (`drift.differences`)."""

SEAL_ANNOTATION = f"{GROUP}/seal"
"""On a Secret or volume claim: the operator's MAC over its identity (`desired.ownership.seals`)."""

ADOPT_BY_ANNOTATION = f"{GROUP}/adopt-by"
"""On an object outside of any tenant: the tenant that may adopt it."""

ADOPT_ANNOTATION = f"{GROUP}/adopt"
"""On a ScimTenant: the UIDs of objects to adopt, separated by commas."""

BEGIN_ANEW_ANNOTATION = f"{GROUP}/begin-anew"
"""On a ScimTenant: lost volumes and deleted tokens to replace by new ones, separated by commas."""

REBIND_ANNOTATION = f"{GROUP}/rebind-volume"
"""On a ScimTenant: the PersistentVolume to bind after its claim was deleted; also on the claim."""

SERVED_ANNOTATION = f"{GROUP}/has-served"
"""On a ScimTenant that has had data and a token: if it is restored, it waits for both."""

CONFIG_ANNOTATION = f"{GROUP}/config-digest"
DATABASE_ANNOTATION = f"{GROUP}/database-version"

ROTATE_ANNOTATION = f"{GROUP}/rotate-token"
REVOKE_ANNOTATION = f"{GROUP}/revoke-tokens"
WATCHES_ANNOTATION = f"{GROUP}/watch-namespaces"
"""On the operator's Lease: the namespaces that its holder watches; empty: all namespaces."""

PAUSED_ANNOTATION = f"{GROUP}/paused"

TENANT_ANNOTATIONS = (
    ROTATE_ANNOTATION,
    REVOKE_ANNOTATION,
    PAUSED_ANNOTATION,
    ADOPT_ANNOTATION,
    BEGIN_ANEW_ANNOTATION,
    REBIND_ANNOTATION,
    SERVED_ANNOTATION,
)
"""Known annotations of a ScimTenant; the operator reports any other annotation of the group."""

FORCE = "force"
"""Prefix of `ROTATE_ANNOTATION`'s value that forces a rotation before the last token was used."""

CONTAINER = "scim"
"""Name of the service's container in a pod."""

SCIM_PORT = 8080
MANAGEMENT_PORT = 8081

MAX_TENANT_NAME = 58
"""The limit of ``<tenant>-scim`` as the name of a Service, which has at most 63 characters."""


def workload(tenant: str) -> str:
    """Name the Deployment, Service, NetworkPolicy, PodDisruptionBudget and route of a tenant."""
    return f"{tenant}-scim"


def config(tenant: str) -> str:
    """Name the ConfigMap of a tenant."""
    return f"{tenant}-scim-config"


def token_secret(tenant: str) -> str:
    """Name the Secret with the Tenant URL and the Secret Token for Entra."""
    return f"{tenant}-scim-token"


def digest_secret(tenant: str) -> str:
    """Name the Secret with the digests of the accepted tokens."""
    return f"{tenant}-scim-digests"


def access_secret(tenant: str) -> str:
    """Name the Secret with the credential of the management port."""
    return f"{tenant}-scim-access"


def volume_claim(tenant: str) -> str:
    """Name the PersistentVolumeClaim of a tenant on SQLite."""
    return f"{tenant}-scim-data"


def url_claim(lease: str, host: str, path: str) -> str:
    """Name the ConfigMap of a URL claim in the operator's namespace."""
    return f"scim-url-{hashlib.sha256(f'{lease} {host}{path}'.encode()).hexdigest()[:32]}"


def labels(tenant: str) -> dict[str, str]:
    """Return the labels of every object of a tenant."""
    return {
        "app.kubernetes.io/name": SERVICE,
        MANAGED_BY_LABEL: MANAGER,
        TENANT_LABEL: tenant,
    }


def pod_labels(tenant: str) -> dict[str, str]:
    """Return the labels of a tenant's pods; a change of them would restart every pod."""
    return labels(tenant) | {INSTANCE_LABEL: tenant}


def selector(tenant: str) -> dict[str, str]:
    """Return the labels that select a tenant's pods; a Deployment's selector never changes."""
    return {"app.kubernetes.io/name": SERVICE, TENANT_LABEL: tenant}
