"""Two replicas on one PostgreSQL: Entra does not notice that a tenant's pods are replaced."""

from tests.e2e.conftest import make_tenant
from tests.e2e.platform import Manifest, run
from tests.e2e.traffic import provision_during


async def test_a_restart_goes_unnoticed(namespace: str, database: Manifest) -> None:
    """Both start on an empty database at once; while both are replaced no request fails."""
    tenant = make_tenant("contoso", namespace, replicas=2, database=database)
    before = {pod["metadata"]["name"] for pod in tenant.pods()}
    assert len(before) == 2

    def replace() -> None:
        deployment = f"deployment/contoso-scim -n {namespace}"
        run(f"kubectl rollout restart {deployment}")
        run(f"kubectl rollout status {deployment} --timeout=120s")

    await provision_during(tenant, replace)
    after = {pod["metadata"]["name"] for pod in tenant.pods()}
    assert len(after) == 2
    assert not after & before
