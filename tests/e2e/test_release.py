"""The release comes, changes and goes, and Entra is served all the while."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import install_release
from tests.e2e.platform import CHART, NAMESPACE, RELEASE, Tenant, get, run, wait_until
from tests.e2e.traffic import provision_during


async def serves_during(tenant: Tenant, change: Callable[[], object]) -> None:
    """Make a change to the release: no request fails, and no pod is replaced."""
    before = [pod["metadata"]["uid"] for pod in tenant.pods()]
    await provision_during(tenant, change)
    assert [pod["metadata"]["uid"] for pod in tenant.pods()] == before


def reconciles(tenant: Tenant, name: str) -> None:
    """Change the tenant, and wait until the operator has seen to it."""
    run(
        f"kubectl patch scimtenant {tenant.name} -n {tenant.namespace} --type=merge"
        f' --patch=\'{{"spec": {{"displayName": "{name}"}}}}\''
    )

    def seen() -> bool:
        resource = tenant.resource()
        return bool(resource["status"]["observedGeneration"] == resource["metadata"]["generation"])

    wait_until("the operator to follow", seen)


@pytest.mark.usefixtures("release")
def test_helm_test() -> None:
    """`helm test` says that the operator is ready, under the NetworkPolicies."""
    said = run(f"helm test {RELEASE} --namespace {NAMESPACE} --timeout 60s --logs")
    assert "the operator is ready: leading" in said


async def test_upgrade_and_rollback(
    images: dict[str, str], empty_tenant: Tenant, tmp_path: Path
) -> None:
    """From an earlier version of the chart to this one and back."""
    run(f"helm package {CHART} --version 0.0.1 --destination {tmp_path}")
    earlier = tmp_path / f"{RELEASE}-0.0.1.tgz"

    def change() -> None:
        install_release(images, chart=earlier)
        reconciles(empty_tenant, "Earlier")
        install_release(images)
        reconciles(empty_tenant, "Upgraded")
        run(f"helm rollback {RELEASE} --namespace {NAMESPACE} --wait --timeout=120s")
        reconciles(empty_tenant, "Rolled back")

    try:
        await serves_during(empty_tenant, change)
    finally:
        install_release(images)


async def test_uninstall_and_return(images: dict[str, str], empty_tenant: Tenant) -> None:
    """Without an operator tenants serve and keep all; the one that comes back goes on with them."""

    def change() -> None:
        run(f"helm uninstall {RELEASE} --namespace {NAMESPACE} --wait --timeout=120s")
        assert get("deployment", RELEASE, NAMESPACE) is None
        assert empty_tenant.resource()["status"]["conditions"]
        install_release(images)
        reconciles(empty_tenant, "Back")

    await serves_during(empty_tenant, change)
