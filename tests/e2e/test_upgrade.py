"""Tenants of an earlier version are upgraded in place while Entra provisions into them."""

import asyncio
import logging
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.cluster.layout import NODE_ADDRESS, POD_RANGE
from tests.e2e import earlier
from tests.e2e.conftest import DATABASE_PORT, install_release, make_tenant
from tests.e2e.platform import NAMESPACE, RELEASE, Manifest, Tenant, apply, get, run, wait_until
from tests.e2e.traffic import provision_during
from tests.service.postgres import PostgresServer

_LOG = logging.getLogger(__name__)

SILENCE_S = 110
"""Between two cycles, for Entra's 40 minutes: time enough for the rollout to find it, and move."""

UPGRADE_S = 600


@pytest.fixture
def earlier_release(namespace: str, images: dict[str, str]) -> Iterator[None]:
    """The earlier version's definition, chart and images; in the end this version again."""
    built = earlier.images()
    if built is None:
        pytest.skip(f"the repository's history is not here: there is no commit {earlier.COMMIT}")
    run(f"helm uninstall {RELEASE} --namespace {NAMESPACE} --wait --timeout=120s")
    run("kubectl delete crd scimtenants.scim-operator.io --timeout=120s")
    try:
        install_release(built, chart=earlier.chart())
        yield
    finally:
        install_release(images)


@pytest.fixture
def plain_database(namespace: str) -> Iterator[Manifest]:
    """A PostgreSQL without TLS, as tenants of the earlier version could name it."""
    with PostgresServer(address=NODE_ADDRESS, port=DATABASE_PORT, clients=POD_RANGE) as server:
        secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"url": server.url()}}
        apply({**secret, "metadata": {"name": "database", "namespace": namespace}})
        yield {"postgres": {"urlFrom": {"name": "database", "key": "url"}}}


def possessions(tenant: Tenant) -> dict[str, object]:
    """What Entra and the data hang on: the two values in Entra, and the volume."""
    claim = get("persistentvolumeclaim", f"{tenant.name}-scim-data", tenant.namespace)
    return {
        "credentials": tenant.credentials(),
        "volume": claim and (claim["metadata"]["uid"], claim["spec"]["volumeName"]),
    }


def pod_images(tenant: Tenant) -> set[str]:
    """The images that its pods run."""
    return {pod["spec"]["containers"][0]["image"] for pod in tenant.pods()}


def has_arrived(tenant: Tenant, image: str) -> bool:
    """Tell whether a tenant serves with an image, and nothing else of it is left to do."""
    status = tenant.resource()["status"]
    return (
        pod_images(tenant) == {image}
        and status.get("rollout", {}).get("state") == "current"
        and tenant.condition("Ready").get("status") == "True"
    )


async def test_upgrade_in_place(
    earlier_release: None,
    namespace: str,
    plain_database: Manifest,
    images: dict[str, str],
) -> None:
    """No request fails, URL, token and data stay, and the pods end on the new template."""
    small = make_tenant("small", namespace)
    large = make_tenant("large", namespace, replicas=2, database=plain_database)
    tenants = (small, large)
    before = [possessions(tenant) for tenant in tenants]
    assert not any(has_arrived(tenant, images["service"]) for tenant in tenants)

    def upgrade() -> None:
        started = time.monotonic()
        install_release(images)
        _LOG.info("operator upgraded after %.1f s", time.monotonic() - started)
        for tenant in (large, small):
            arrived = partial(has_arrived, tenant, images["service"])
            wait_until(f"{tenant.name} on the new version", arrived, seconds=UPGRADE_S)
            _LOG.info("%s upgraded after %.1f s", tenant.name, time.monotonic() - started)

    done = asyncio.Event()

    def follow() -> None:
        """Wait for what the other traffic's change does."""
        wait_until("the upgrade", done.is_set, seconds=2 * UPGRADE_S)

    async def large_under_traffic() -> None:
        try:
            # One request at a time: the earlier version answers 500 where two of them disable and
            # enable users at the same moment (a deadlock of its counters).
            await provision_during(large, upgrade, parallel=1)
        finally:
            done.set()

    await asyncio.gather(large_under_traffic(), provision_during(small, follow, pause=SILENCE_S))
    assert [possessions(tenant) for tenant in tenants] == before
    for tenant in tenants:
        restarts = [
            status["restartCount"]
            for pod in tenant.pods()
            for status in pod["status"]["containerStatuses"]
        ]
        assert not any(restarts), restarts
