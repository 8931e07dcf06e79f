"""Which of the operator's settings replace the pods of which tenants.

The builders of `desired.objects` decide about pods. The plugin has neither them nor the settings,
so this table says which settings have an effect; a test fails if a setting that changes pods has no
entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scim_operator.api.tenant import Tenant


class Effect(NamedTuple):
    """The effect of another value of a setting.

    Attributes
    ----------
    value
        The path of the setting in the chart's values.
    replaces
        Tells whether the setting may replace the pods of a tenant.
    """

    value: str
    replaces: Callable[[Tenant], bool]


def _always(_: Tenant) -> bool:
    return True


def _has_limited_fields(tenant: Tenant) -> bool:
    """Tell whether a tenant gives its pods anything that ``tenants.allow`` may limit."""
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


def _has_default_host(tenant: Tenant) -> bool:
    return _is_exposed(tenant) and tenant.spec.exposure.host is None


def _has_default_path(tenant: Tenant) -> bool:
    return tenant.spec.exposure.path is None


def _is_inside_only(tenant: Tenant) -> bool:
    return not _is_exposed(tenant)


EFFECTS = {
    "service_image": Effect("service.image", _always),
    "service_image_pull_policy": Effect("service.image.pullPolicy", _always),
    "service_image_pull_secrets": Effect("service.imagePullSecrets", _always),
    "service_resources": Effect("service.resources", _always),
    "trusted_proxies": Effect("service.trustedProxies", _always),
    "assigns_ids": Effect("platform", _always),
    "allow": Effect("tenants.allow", _has_limited_fields),
    "default_host": Effect("exposure.host", _has_default_host),
    "default_path": Effect("exposure.path", _has_default_path),
    "cluster_domain": Effect("clusterDomain", _is_inside_only),
}
"""By setting; the others replace no pods."""
