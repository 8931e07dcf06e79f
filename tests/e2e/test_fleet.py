"""Twenty tenants at once: their traffic, a rotation of every token, and a killed operator."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial

import pytest

from tests.e2e.conftest import install_release
from tests.e2e.platform import NAMESPACE, Tenant, apply, manifest, run, wait_until
from tests.entra import Directory, Provisioning

TENANTS = 20
USERS, GROUPS = 60, 4


@pytest.fixture
def two_operators(images: dict[str, str], release: None) -> Iterator[None]:
    """Two replicas of the operator; one again afterwards."""
    del release
    install_release(images, "replicaCount=2")
    yield
    install_release(images, "replicaCount=1")


@pytest.mark.usefixtures("two_operators")
async def test_not_one_request_fails(namespace: str) -> None:
    """Every cycle is clean while all tokens rotate and the leader is killed, and all ends well."""
    tenants = [Tenant(f"tenant-{number:02}", namespace) for number in range(TENANTS)]
    directories = [
        Directory.generate(seed=number, users=USERS, groups=GROUPS) for number in range(TENANTS)
    ]
    for tenant in tenants:
        apply(manifest(tenant.name, namespace))
    wait_for_all(namespace)
    before = [tenant.credentials()[1] for tenant in tenants]
    async with AsyncExitStack() as stack:
        urls = [stack.enter_context(tenant.reach()) for tenant in tenants]
        jobs = [
            await stack.enter_async_context(Provisioning(url, token, parallel=2))
            for url, token in zip(urls, before, strict=True)
        ]
        cycles = [
            asyncio.create_task(job.initial_cycle(directory))
            for job, directory in zip(jobs, directories, strict=True)
        ]
        while sum(job.state.ledger.acknowledged for job in jobs) < TENANTS * USERS // 4:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        leader = await asyncio.to_thread(kill_leader)
        await asyncio.to_thread(rotate_all, namespace, "1")
        for cycle in await asyncio.gather(*cycles):
            assert cycle.clean, cycle.as_json()
        # The tokens that the administrators have pasted go on until they have pasted the new ones.
        after = [
            await asyncio.to_thread(rotated, *each) for each in zip(tenants, before, strict=True)
        ]
        for job, url, token, directory in zip(jobs, urls, after, directories, strict=True):
            assert await job.verify(directory) == []
            new = await stack.enter_async_context(Provisioning(url, token, state=job.state))
            repeated = await new.incremental_cycle(directory)
            assert repeated.clean, repeated.as_json()
    assert holder() != leader
    wait_for_all(namespace)
    for tenant in tenants:
        wait_until(f"the counts of {tenant.name}", partial(counted, tenant))


def wait_for_all(namespace: str) -> None:
    """Wait until every tenant is Ready."""
    run(
        f"kubectl wait scimtenant --all -n {namespace} --for=condition=Ready --timeout=240s",
        timeout=270,
    )


def holder() -> str:
    """Return the pod that has the Lease."""
    leases = json.loads(run(f"kubectl get lease -n {NAMESPACE} -o json"))["items"]
    name: str = leases[0]["spec"]["holderIdentity"]
    return name


def kill_leader() -> str:
    """End the operator that acts without a chance to say so, and return its name."""
    name = holder()
    run(f"kubectl delete pod {name} -n {NAMESPACE} --grace-period=0 --force")
    return name


def rotate_all(namespace: str, value: str) -> None:
    """Ask for a new token of every tenant."""
    run(
        f"kubectl annotate scimtenant --all -n {namespace} --overwrite"
        f" scim-operator.io/rotate-token={value}"
    )


def rotated(tenant: Tenant, before: str) -> str:
    """Return the new token once it is there and accepted."""
    token = wait_until(
        f"the new token of {tenant.name}",
        lambda: found if (found := tenant.credentials()[1]) != before else None,
    )
    ids = {each["id"] for each in tenant.resource()["status"]["tokens"]}
    assert len(ids) == 2, ids
    return token


def counted(tenant: Tenant) -> bool:
    """Whether a tenant's status has what was provisioned."""
    status = tenant.resource()["status"]
    return (status.get("users", 0), status.get("groups", 0)) == (USERS, GROUPS)
