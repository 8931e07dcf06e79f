"""What only a node can get wrong: the tenant says what it is, and recovers once that is mended."""

from typing import Any

import pytest

from tests.e2e.conftest import install_release, make_tenant
from tests.e2e.platform import Tenant, apply, get, manifest, wait_until


def troubled(name: str, namespace: str, reason: str, **spec: object) -> Tenant:
    """Apply a tenant and wait until it is not Ready for this reason, and stalled."""
    apply(manifest(name, namespace, **spec))
    tenant = Tenant(name, namespace)

    def told() -> bool:
        ready = tenant.condition("Ready")
        return (ready.get("status"), ready.get("reason")) == ("False", reason)

    wait_until(reason, told, seconds=120)
    assert tenant.condition("Stalled")["status"] == "True"
    return tenant


def test_image(images: dict[str, str], namespace: str, release: None) -> None:
    """The image that no registry has is named; with the right one the tenant starts."""
    del release
    absent = "localhost/scim-service:absent"
    install_release({**images, "service": absent})
    try:
        tenant = troubled("image", namespace, "ImagePullFailed")
        assert absent in tenant.condition("Ready")["message"]
    finally:
        install_release(images)
    tenant.wait_ready()


TOO_LITTLE = {"requests": {"memory": "20Mi"}, "limits": {"memory": "20Mi"}}


@pytest.mark.parametrize(
    ("spec", "reason", "advice"),
    [
        pytest.param(
            {"nodeSelector": {"example.com/none": "true"}},
            "Unschedulable",
            "node affinity/selector",
            id="no-node",
        ),
        pytest.param(
            {"resources": TOO_LITTLE},
            "OutOfMemory",
            "spec.resources.limits.memory",
            id="too-little-memory",
        ),
    ],
)
def test_what_the_pod_asks_for(
    namespace: str, spec: dict[str, Any], reason: str, advice: str
) -> None:
    """A pod that no node takes, or with too little memory, is told; with the default it starts."""
    name = reason.lower()
    tenant = troubled(name, namespace, reason, **spec)
    assert advice in tenant.condition("Ready")["message"]
    apply(manifest(name, namespace))
    tenant.wait_ready()


def test_volume_grows(namespace: str) -> None:
    """A larger size in the spec reaches the volume, under the pod that goes on serving."""
    tenant = make_tenant("volume", namespace, database={"sqlite": {"size": "1Gi"}})
    [pod] = tenant.pods()
    apply(manifest("volume", namespace, database={"sqlite": {"size": "2Gi"}}))

    def grown() -> bool:
        claim = get("persistentvolumeclaim", "volume-scim-data", namespace)
        return claim is not None and claim["status"]["capacity"]["storage"] == "2Gi"

    wait_until("the volume to grow", grown)
    tenant.wait_ready()
    assert [each["metadata"]["uid"] for each in tenant.pods()] == [pod["metadata"]["uid"]]


def test_what_a_service_said_last(namespace: str) -> None:
    """A service that ends with an error is told with its last line, and no secret with it."""
    url = {"url": "mysql://scim:hunter2@db/scim"}
    metadata = {"name": "wrong", "namespace": namespace}
    apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": url})
    database = {"postgres": {"urlFrom": {"name": "wrong", "key": "url"}}}
    tenant = troubled("wrong", namespace, "CrashLoop", database=database)
    message = tenant.condition("Ready")["message"]
    assert "last output: error: the database URL cannot be used: its scheme is neither" in message
    assert "hunter2" not in message
