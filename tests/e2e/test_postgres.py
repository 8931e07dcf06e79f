"""Two replicas on one PostgreSQL: Entra does not notice that a tenant's pods are replaced."""

from scim_operator.diagnosis import is_ready

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
    # The last of the old ones may still be ending.
    left = {pod["metadata"]["name"] for pod in tenant.pods() if is_ready(pod)}
    assert len(left - before) == 2
