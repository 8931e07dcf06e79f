"""The Ingress of a tenant that is exposed by one."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.desired.objects.context import ObjectContext, head
from scim_operator.desired.objects.service import PORT_NAME
from scim_operator.kube.kinds import INGRESS, Object


def build(context: ObjectContext) -> Object | None:
    """Build the Ingress."""
    wanted = context.tenant.spec.exposure.ingress
    if wanted is None or not context.is_routed:
        return None
    name = names.workload(context.tenant.key.name)
    host = context.address.host
    backend = {"service": {"name": name, "port": {"name": PORT_NAME}}}
    path = {"path": context.address.path, "pathType": "Prefix", "backend": backend}
    spec: Object = {"rules": [{"host": host, "http": {"paths": [path]}}]}
    if class_name := wanted.class_name or context.settings.ingress_class:
        spec["ingressClassName"] = class_name
    if secret := wanted.tls_secret_name or context.settings.ingress_tls_secret:
        spec["tls"] = [{"hosts": [host], "secretName": secret}]
    return {
        **head(INGRESS),
        "metadata": context.metadata(name, annotations=dict(wanted.annotations)),
        "spec": spec,
    }
