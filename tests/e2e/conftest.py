"""The release under test, and a tenant in a namespace of its own for each module."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.certificates import Authority
from tests.cluster.layout import NODE_ADDRESS, POD_RANGE
from tests.e2e import node
from tests.e2e.platform import CHART, Manifest, Tenant, apply, install, manifest, run
from tests.service.postgres import PostgresServer

DATABASE_PORT = 5432
POLL_S = 2
"""Between two of the operator's looks at a tenant's counts."""


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """References of both images, loaded into the node."""
    if node.INSIDE not in os.environ:
        pytest.fail("these tests run inside the local node: use `make test-e2e`")
    return node.given_images()


@pytest.fixture(scope="session")
def release(images: dict[str, str]) -> None:
    """The chart, installed with the images of this checkout; it looks at tenants often."""
    install_release(images)


@pytest.fixture(scope="module")
def namespace(release: None) -> Iterator[str]:
    """A namespace that enforces the restricted Pod Security Standard, removed afterwards."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    run(f"kubectl delete namespace {name} --wait=true --timeout=120s")


@pytest.fixture(scope="module")
def database(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manifest]:
    """A PostgreSQL with TLS beside the node for one tenant, as `spec.database` names it."""
    authority = Authority(tmp_path_factory.mktemp("postgres") / "authority")
    authority.issue("server", user="postgres", hosts=(NODE_ADDRESS,))
    with PostgresServer(
        address=NODE_ADDRESS,
        port=DATABASE_PORT,
        clients=POD_RANGE,
        certificate=Path(authority.path("server.crt")),
    ) as server:
        verified = "sslmode=verify-full&sslrootcert=/etc/scim/database/ca.crt"
        values = {
            "url": f"{server.url()}?{verified}",
            "ca.crt": Path(authority.path("ca.crt")).read_text(),
        }
        secret = {"apiVersion": "v1", "kind": "Secret", "stringData": values}
        apply({**secret, "metadata": {"name": "database", "namespace": namespace}})
        yield {"postgres": {"urlFrom": {"name": "database", "key": "url"}}}


@pytest.fixture(scope="module")
def tenant(namespace: str) -> Tenant:
    """A tenant that is Ready."""
    return make_tenant("contoso", namespace)


@pytest.fixture
def empty_tenant(namespace: str) -> Iterator[Tenant]:
    """A tenant that nothing was provisioned into yet, for one test."""
    made = make_tenant(f"t-{uuid.uuid4().hex[:8]}", namespace)
    yield made
    run(f"kubectl delete scimtenant {made.name} -n {namespace}")


def install_release(images: dict[str, str], *values: str, chart: Path = CHART) -> None:
    """Install or upgrade the release under test, whose operator looks at tenants often."""
    install(images, f"tuning.pollInterval={POLL_S}", *values, chart=chart)


def make_tenant(name: str, namespace: str, **spec: object) -> Tenant:
    """Apply a tenant and wait until it is Ready."""
    apply(manifest(name, namespace, **spec))
    made = Tenant(name, namespace)
    made.wait_ready()
    return made
