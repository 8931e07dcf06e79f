"""What a tenant's owner cannot pass on through the operator, against a real API server."""

from __future__ import annotations

import json

import pytest

from tests.operator.world import Namespace, Object, eventually

SPEC: Object = {
    "exposure": {
        "ingress": {
            "annotations": {
                "nginx.ingress.kubernetes.io/configuration-snippet": "return 200;",
                "external-dns.alpha.kubernetes.io/hostname": "www.example.com",
                "cert-manager.io/issuer": "letsencrypt",
            }
        }
    },
    "podAnnotations": {"k8s.v1.cni.cncf.io/networks": "other"},
    "podLabels": {"app": "payments"},
    "tolerations": [{"operator": "Exists"}],
    "resources": {"limits": {"memory": "500Gi", "nvidia.com/gpu": 8}},
}


@pytest.mark.finding(15)
def test_left_out(namespace: Namespace) -> None:
    """A tenant is made without what is not allowed, and says so in its status and by an event."""
    exposure = SPEC["exposure"] | {"host": f"{namespace.name}.example.com"}
    namespace.apply("contoso", SPEC | {"exposure": exposure})
    namespace.settled("contoso")
    found = namespace.objects("contoso")
    annotations = found["Ingress/contoso-scim"]["metadata"]["annotations"]
    assert set(annotations) == {"cert-manager.io/issuer", "scim-operator.io/applied"}
    template = found["Deployment/contoso-scim"]["spec"]["template"]
    assert all(key.startswith("scim-operator.io/") for key in template["metadata"]["annotations"])
    assert "app" not in template["metadata"]["labels"]
    assert "tolerations" not in template["spec"]
    (container,) = template["spec"]["containers"]
    assert container["resources"]["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}
    assert container["resources"]["limits"]["memory"] == "4Gi"

    said = eventually(lambda: namespace.condition("contoso", "Restricted"))
    assert (said["status"], said["reason"]) == ("True", "NotAllowed")
    assert "spec.podLabels[app] is left out (tenants.allow.podLabels)" in said["message"]

    def told() -> list[Object]:
        listed = json.loads(namespace.kubectl("get", "events", "-o", "json"))
        return [event for event in listed["items"] if event["reason"] == "NotAllowed"]

    (event,) = eventually(told)
    assert event["type"] == "Warning"

    namespace.apply("contoso", {"exposure": {"host": f"{namespace.name}.example.com"}})
    eventually(lambda: not namespace.condition("contoso", "Restricted"))
