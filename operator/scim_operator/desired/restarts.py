"""Which of the operator's settings replace the pods of which tenants. Pure.

The builders of `desired.objects` decide what pods are made of. This says it without them and
without the settings, for the plugin, and a test holds the two together: a new setting that changes
pods needs an entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scim_operator.api.tenant import Tenant


class Effect(NamedTuple):
    """What another value of a setting does.

    Attributes
    ----------
    value
        Where the setting is in the chart's values.
    replaces
        Tells whether it replaces the pods of a tenant, or may do so.
    """

    value: str
    replaces: Callable[[Tenant], bool]


def _everybody(_: Tenant) -> bool:
    return True


def _limited(tenant: Tenant) -> bool:
    """Tell whether a tenant passes on to its pods what may be limited."""
    spec = tenant.spec
    return any(
        (
            spec.pod_annotations,
            spec.pod_labels,
            spec.tolerations,
            spec.affinity,
            spec.resources,
            spec.priority_class_name,
            spec.security_context.model_dump(exclude_defaults=True),
            spec.env,
            spec.volumes,
        )
    )


def _is_exposed(tenant: Tenant) -> bool:
    exposure = tenant.spec.exposure
    return bool(exposure.host or exposure.ingress or exposure.gateway)


def _without_host(tenant: Tenant) -> bool:
    return _is_exposed(tenant) and tenant.spec.exposure.host is None


def _without_path(tenant: Tenant) -> bool:
    return tenant.spec.exposure.path is None


def _inside(tenant: Tenant) -> bool:
    return not _is_exposed(tenant)


EFFECTS = {
    "service_image": Effect("service.image", _everybody),
    "service_image_pull_policy": Effect("service.image.pullPolicy", _everybody),
    "service_image_pull_secrets": Effect("service.imagePullSecrets", _everybody),
    "service_resources": Effect("service.resources", _everybody),
    "trusted_proxies": Effect("service.trustedProxies", _everybody),
    "assigns_ids": Effect("platform", _everybody),
    "allow": Effect("tenants.allow", _limited),
    "default_host": Effect("exposure.host", _without_host),
    "default_path": Effect("exposure.path", _without_path),
    "cluster_domain": Effect("clusterDomain", _inside),
}
"""By setting; the others replace no pods."""
