"""Every example of the repository, applied beside the others as it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster import ControlPlane
from tests.operator.install import Installation
from tests.operator.world import Object, eventually

EXAMPLES = sorted(Path("examples").glob("*.yaml"))
NEEDS = {"tailspin": ("TokenReady", "tailspin-entra-token")}
"""What the example says that it needs, and the condition that tells."""


@pytest.fixture
def bodies() -> list[Object]:
    """The objects of all examples."""
    found = [body for path in EXAMPLES for body in yaml.safe_load_all(path.read_text())]
    assert len(EXAMPLES) > 4
    return found


@pytest.fixture
def applied(fragile: ControlPlane, bodies: list[Object]) -> Iterator[list[Object]]:
    """The tenants of the examples, in a cluster; they are removed in the end."""
    for path in EXAMPLES:
        fragile.kubectl("apply", "-f", str(path))
    yield [body for body in bodies if body["kind"] == "ScimTenant"]
    for path in EXAMPLES:
        fragile.kubectl("delete", "-f", str(path), "--ignore-not-found", "--wait=false")


def test_no_two_examples_are_one_tenant(bodies: list[Object]) -> None:
    """Whoever applies one after the other gets another tenant, and changes none."""
    names = [
        (body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"])
        for body in bodies
    ]
    assert len(set(names)) == len(names)


def test_each_works_as_written(
    fragile: ControlPlane, installation: Installation, applied: list[Object]
) -> None:
    """Its tenant gets its objects, or says what the example says that it needs."""

    def tenant(body: Object) -> Object:
        metadata = body["metadata"]
        text = fragile.kubectl(
            *("get", "scimtenant", metadata["name"], "-n", metadata["namespace"], "-o", "json")
        )
        found: Object = json.loads(text)
        return found

    def is_served(body: Object) -> bool:
        name = body["metadata"]["name"]
        found = tenant(body)
        status = found.get("status", {})
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            return False
        if name not in NEEDS:
            return bool(status.get("tokens"))
        kind, what = NEEDS[name]
        return any(
            condition["type"] == kind and what in condition["message"]
            for condition in status["conditions"]
        )

    namespaces = {body["metadata"]["namespace"] for body in applied}
    with installation.operator("examples", watch_namespaces=",".join(namespaces)):
        for body in applied:
            eventually(lambda body=body: is_served(body))  # type: ignore[misc]
        urls = [tenant(body)["status"].get("tenantURL") for body in applied]
    assert len(set(urls)) == len(urls)
