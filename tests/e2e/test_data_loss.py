"""A volume claim that is deleted under a serving pod, on a node that mounts and removes volumes."""

import asyncio
import json

from tests.e2e.platform import Tenant, get, run, wait_until
from tests.entra import Directory, Provisioning

CLAIM = "contoso-scim-data"


async def test_deleted_claim(tenant: Tenant) -> None:
    """The pod serves on; then none starts on an empty volume, and the kept one brings all back."""
    _, token = tenant.credentials()
    directory = Directory.generate(seed=3, users=25, groups=2)
    with tenant.reach() as url:
        async with Provisioning(url, token) as job:
            assert (await job.initial_cycle(directory)).clean
            volume = await asyncio.to_thread(delete_claim, tenant)
            assert await job.verify(directory) == []
            state = job.state
    await asyncio.to_thread(lose_pod, tenant)
    await asyncio.to_thread(rebind, tenant, volume)
    with tenant.reach() as url:
        async with Provisioning(url, token, state=state) as job:
            assert await job.verify(directory) == []
    # The operator learns of it from its next reading of the service.
    wait_until("the mark of a tenant that has served", lambda: is_marked(tenant))


def is_marked(tenant: Tenant) -> bool:
    """Tell whether the ScimTenant says that it has served."""
    annotations = tenant.resource()["metadata"].get("annotations", {})
    return bool(annotations.get("scim-operator.io/has-served") == "true")


def stalled(tenant: Tenant, reason: str) -> None:
    """Wait until the tenant is stalled for a reason."""

    def told() -> bool:
        found = tenant.condition("Stalled")
        return (found["status"], found["reason"]) == ("True", reason)

    wait_until(reason, told)


def delete_claim(tenant: Tenant) -> str:
    """Delete the claim under the pod, and have its volume kept; return the volume's name."""
    recorded: str = tenant.resource()["status"]["volume"]["name"]
    keep = json.dumps({"spec": {"persistentVolumeReclaimPolicy": "Retain"}})
    run(f"kubectl patch persistentvolume {recorded} --patch '{keep}'")
    run(f"kubectl delete pvc {CLAIM} -n {tenant.namespace} --wait=false")
    stalled(tenant, "VolumeBeingDeleted")
    return recorded


def lose_pod(tenant: Tenant) -> None:
    """End the pod, with which the claim goes; no other pod and no other claim takes its place."""
    [pod] = tenant.pods()
    run(f"kubectl delete pod {pod['metadata']['name']} -n {tenant.namespace}")
    stalled(tenant, "VolumeLost")
    wait_until("no pod", lambda: not tenant.pods())
    # What would make one again has had its time: the operator looks at once, and puts back what
    # has gone since.
    run(f"kubectl delete service contoso-scim -n {tenant.namespace}")
    wait_until("the Service", lambda: get("service", "contoso-scim", tenant.namespace))
    assert get("persistentvolumeclaim", CLAIM, tenant.namespace) is None
    assert not tenant.pods()


def rebind(tenant: Tenant, volume: str) -> None:
    """Have the claim made for the volume that was kept."""
    free = json.dumps({"spec": {"claimRef": {"uid": None, "resourceVersion": None}}})
    run(f"kubectl patch persistentvolume {volume} --type=merge --patch '{free}'")
    name, namespace = tenant.name, tenant.namespace
    annotation = f"scim-operator.io/rebind-volume={volume}"
    run(f"kubectl annotate scimtenant {name} -n {namespace} {annotation}")
    tenant.wait_ready()
