"""The Ingress of a tenant with ``spec.exposure.ingress``."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.desired.objects.context import Builder, ObjectContext, build_head
from scim_operator.desired.objects.service import PORT_NAME
from scim_operator.kube.kinds import INGRESS, Object


def build(context: ObjectContext) -> Object | None:
    """Build the Ingress."""
    desired = context.tenant.spec.exposure.ingress
    if desired is None or not context.is_routed:
        return None
    name = names.workload(context.tenant.key.name)
    host = context.address.host
    backend = {"service": {"name": name, "port": {"name": PORT_NAME}}}
    path = {"path": context.address.path, "pathType": "Prefix", "backend": backend}
    spec: Object = {"rules": [{"host": host, "http": {"paths": [path]}}]}
    if class_name := desired.class_name or context.settings.ingress_class:
        spec["ingressClassName"] = class_name
    if secret := desired.tls_secret_name or context.settings.ingress_tls_secret:
        spec["tls"] = [{"hosts": [host], "secretName": secret}]
    return {
        **build_head(INGRESS),
        "metadata": context.build_metadata(name, annotations=dict(desired.annotations)),
        "spec": spec,
    }


BUILDER = Builder(INGRESS, names.workload, build)
