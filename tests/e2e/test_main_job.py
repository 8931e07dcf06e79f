"""Install, apply a tenant, let Entra provision into it, lose a pod, delete the tenant."""

import asyncio
import json

import httpx
import pytest

from tests.e2e.platform import CommandError, Tenant, apply, get, manifest, run, wait_until
from tests.entra import Dialect, Directory, Flag, Provisioning

REPAIRED_WITHIN = 10


@pytest.mark.parametrize("flag", list(Flag))
async def test_entra_fills_the_tenant_in_either_dialect(empty_tenant: Tenant, flag: Flag) -> None:
    """After two cycles the tenant equals the directory, and its resource shows the counts."""
    _, token = empty_tenant.credentials()
    directory = Directory.generate(seed=1, users=25, groups=4)
    with empty_tenant.reach() as url:
        async with Provisioning(url, token, dialect=Dialect(flag)) as job:
            assert (await job.test_connection()).clean
            initial = await job.initial_cycle(directory)
            assert initial.clean, initial.as_json()
            changed = directory.change(seed=1)
            incremental = await job.incremental_cycle(changed)
            assert incremental.clean, incremental.as_json()
            assert await job.verify(changed) == []
            contents = await job.tenant()

    def counted() -> bool:
        status = empty_tenant.resource()["status"]
        counts = (status.get("users"), status.get("groups"))
        return counts == (len(contents.users), len(contents.groups)) and (
            "lastProvisioned" in status
        )

    await asyncio.to_thread(wait_until, "users and groups in the status", counted)


async def test_a_killed_pod_loses_no_acknowledged_write(empty_tenant: Tenant) -> None:
    """After SIGKILL in a cycle all that was answered is there; repeated, the cycle ends clean."""
    _, token = empty_tenant.credentials()
    directory = Directory.generate(seed=9, users=300, groups=5)
    with empty_tenant.reach() as url:
        async with Provisioning(url, token) as job:
            cycle = asyncio.create_task(job.initial_cycle(directory))
            while job.state.ledger.acknowledged < len(directory.users) // 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.to_thread(kill, empty_tenant)
            interrupted = await cycle
            assert not interrupted.clean, "the pod was killed too late to interrupt anything"
            await asyncio.to_thread(wait_until, "the new container", lambda: is_back(empty_tenant))
            await asyncio.to_thread(wait_until, "an answer", lambda: answers(url, token))
            assert await job.lost_writes() == []
            repeated = await job.initial_cycle(directory)
            assert repeated.clean, repeated.as_json()
            assert await job.verify(directory) == []


def test_drift_is_repaired(tenant: Tenant) -> None:
    """A deleted pod, Service and digest Secret and an edited Deployment are back in seconds."""
    space = tenant.namespace
    deployment = "contoso-scim"
    [pod] = tenant.pods()
    run(f"kubectl delete pod -n {space} {pod['metadata']['name']}")
    tenant.wait_ready()

    original = get("deployment", deployment, space)
    assert original is not None
    image = original["spec"]["template"]["spec"]["containers"][0]["image"]
    run(f"kubectl set image -n {space} deployment/{deployment} *=localhost/nonsense:1")
    service = get("service", deployment, space)
    digests = get("secret", "contoso-scim-digests", space)
    assert service is not None
    assert digests is not None
    run(f"kubectl delete -n {space} service/{deployment} secret/contoso-scim-digests")

    def repaired() -> bool:
        now = get("deployment", deployment, space)
        secret = get("secret", "contoso-scim-digests", space)
        return (
            now is not None
            and now["spec"]["template"]["spec"]["containers"][0]["image"] == image
            and get("service", deployment, space) is not None
            and secret is not None
        )

    wait_until("all as it was", repaired, seconds=REPAIRED_WITHIN)
    tenant.wait_ready()
    _, token = tenant.credentials()
    with tenant.reach() as url:
        wait_until("the same token works", lambda: answers(url, token), seconds=90)


async def test_a_wrong_token_is_refused_and_not_logged(tenant: Tenant) -> None:
    """401 with a SCIM error; the token is in neither the answer nor the log."""
    wrong = "wrong-token-4f7d1a"
    with tenant.reach() as url:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{url}/Users", headers={"Authorization": f"Bearer {wrong}"})
    assert answer.status_code == 401
    assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    log = run(f"kubectl logs -n {tenant.namespace} deployment/contoso-scim")
    _, token = tenant.credentials()
    assert wrong not in answer.text + log
    assert token not in log


def test_pods_are_confined(tenant: Tenant) -> None:
    """The pod runs under the restricted standard without a service-account token, within limits."""
    [pod] = tenant.pods()
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert not any("projected" in volume for volume in pod["spec"].get("volumes", []))
    for container in pod["spec"]["containers"]:
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"replicas": 2}, "postgres"),
        (
            {
                "database": {
                    "sqlite": {"size": "1Gi"},
                    "postgres": {"urlFrom": {"name": "database", "key": "url"}},
                }
            },
            "one",
        ),
    ],
)
def test_a_tenant_that_breaks_a_rule_is_refused(
    namespace: str, spec: dict[str, object], sentence: str
) -> None:
    """The API server refuses it with a sentence that says why."""
    with pytest.raises(CommandError, match=sentence):
        apply(manifest("broken", namespace, **spec))


def test_a_missing_storage_class_is_named(namespace: str) -> None:
    """The Ready condition says which StorageClass is missing."""
    sqlite = {"storageClassName": "nowhere"}
    apply(manifest("nostorage", namespace, database={"sqlite": sqlite}))
    broken = Tenant("nostorage", namespace)
    wait_until("the condition", lambda: "nowhere" in broken.condition("Ready").get("message", ""))
    assert broken.condition("Ready")["status"] == "False"
    run(f"kubectl delete scimtenant nostorage -n {namespace}")


def test_a_deleted_tenant_leaves_its_volume_and_token(tenant: Tenant) -> None:
    """Under Retain they outlive it; when it returns, the same token finds the same users."""
    space = tenant.namespace
    _, token = tenant.credentials()
    with tenant.reach() as url:
        before = users(url, token)
    run(f"kubectl delete scimtenant contoso -n {space}")
    wait_until("the Deployment is gone", lambda: not get("deployment", "contoso-scim", space))
    run(f"kubectl wait pod -n {space} -l {tenant.selector} --for=delete --timeout=90s")
    assert get("service", "contoso-scim", space) is None
    assert get("persistentvolumeclaim", "contoso-scim-data", space) is not None
    assert get("secret", "contoso-scim-token", space) is not None
    apply(manifest("contoso", space))
    tenant.wait_ready()
    with tenant.reach() as url:
        assert users(url, token) == before


def kill(tenant: Tenant) -> None:
    """End the service's process with SIGKILL, from the node."""
    [pod] = tenant.pods()
    container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    run(f"ctr --namespace k8s.io tasks kill --signal SIGKILL {container}")


def is_back(tenant: Tenant) -> bool:
    """Tell whether the killed container is back, and the cluster's network knows it.

    Before that the Service may lose its one address after the first answer: the new process can be
    faster than the news that the old one is gone.
    """
    [pod] = tenant.pods()
    [container] = pod["status"]["containerStatuses"]
    [ready] = (each for each in pod["status"]["conditions"] if each["type"] == "Ready")
    [addresses] = json.loads(
        run(
            f"kubectl get endpointslices -n {tenant.namespace} -o json"
            f" -l kubernetes.io/service-name={tenant.name}-scim"
        )
    )["items"]
    known = addresses["metadata"]["annotations"]["endpoints.kubernetes.io/last-change-trigger-time"]
    restarted = container["restartCount"] > 0 and ready["status"] == "True"
    return bool(restarted and known >= ready["lastTransitionTime"])


def answers(url: str, token: str) -> bool:
    """Tell whether the tenant answers at all."""
    try:
        return users(url, token) >= 0
    except (httpx.HTTPError, KeyError, json.JSONDecodeError):
        return False


def users(url: str, token: str) -> int:
    """Return how many users the tenant has."""
    answer = httpx.get(
        f"{url}/Users", params={"count": 1}, headers={"Authorization": f"Bearer {token}"}
    )
    found: int = answer.json()["totalResults"]
    return found
