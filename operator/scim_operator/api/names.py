"""Names that more than one room uses: the API group, labels, annotations and a tenant's objects.

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
"""On every owned object, with the tenant's name: what the operator watches by."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"

INSTANCE_LABEL = "app.kubernetes.io/instance"
"""On pods only: tools that track what they have deployed by it take other objects for their own."""

CLAIM_LABEL = f"{GROUP}/claim"
"""On every record of who has a URL, with the name of the operator's Lease."""

APPLIED_ANNOTATION = f"{GROUP}/applied"
"""The digest of the wanted object that was applied last; see ``drift.is_current``."""

SEAL_ANNOTATION = f"{GROUP}/seal"
"""On a Secret or volume claim: the operator's MAC over what it is (`desired.ownership.seals`)."""

ADOPT_BY_ANNOTATION = f"{GROUP}/adopt-by"
"""On an object that is not a tenant's: the tenant that may have it."""

ADOPT_ANNOTATION = f"{GROUP}/adopt"
"""On a ScimTenant: the uids of objects that it is to take over, separated by commas."""

BEGIN_ANEW_ANNOTATION = f"{GROUP}/begin-anew"
"""On a ScimTenant: the lost volumes and tokens that it is to do without, separated by commas."""

REBIND_ANNOTATION = f"{GROUP}/rebind-volume"
"""On a ScimTenant: the PersistentVolume with its data, whose claim is gone; on a claim: for it."""

SERVED_ANNOTATION = f"{GROUP}/has-served"
"""On a ScimTenant: it has had data and a token, so that one that is restored waits for them."""

CONFIG_ANNOTATION = f"{GROUP}/config-digest"
DATABASE_ANNOTATION = f"{GROUP}/database-version"

ROTATE_ANNOTATION = f"{GROUP}/rotate-token"
REVOKE_ANNOTATION = f"{GROUP}/revoke-tokens"
WATCHES_ANNOTATION = f"{GROUP}/watch-namespaces"
"""On the operator's Lease: the namespaces that its holder watches; empty: all of them."""

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
"""Those that mean something on a ScimTenant; any other of the group is told as a slip."""

FORCE = "force"
"""What a value of `ROTATE_ANNOTATION` begins with to have a token though the last one is unused."""

CONTAINER = "scim"
"""The service's own among the containers of a pod."""

SCIM_PORT = 8080
MANAGEMENT_PORT = 8081

MAX_TENANT_NAME = 58
"""``<tenant>-scim`` names a Service, and those have at most 63 characters."""


def workload(tenant: str) -> str:
    """Name the Deployment, Service, NetworkPolicy, PodDisruptionBudget and route of a tenant."""
    return f"{tenant}-scim"


def config(tenant: str) -> str:
    """Name the ConfigMap of a tenant."""
    return f"{tenant}-scim-config"


def token_secret(tenant: str) -> str:
    """Name the Secret with the two values that are pasted into Entra."""
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
    """Name the ConfigMap, in the operator's namespace, that records who has a URL."""
    return f"scim-url-{hashlib.sha256(f'{lease} {host}{path}'.encode()).hexdigest()[:32]}"


def labels(tenant: str) -> dict[str, str]:
    """Return the labels of every object of a tenant."""
    return {
        "app.kubernetes.io/name": SERVICE,
        MANAGED_BY_LABEL: MANAGER,
        TENANT_LABEL: tenant,
    }


def pod_labels(tenant: str) -> dict[str, str]:
    """Return the labels of a tenant's pods: to change them would restart every pod."""
    return labels(tenant) | {INSTANCE_LABEL: tenant}


def selector(tenant: str) -> dict[str, str]:
    """Return the labels that select a tenant's pods; a Deployment's selector never changes."""
    return {"app.kubernetes.io/name": SERVICE, TENANT_LABEL: tenant}
