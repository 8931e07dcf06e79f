"""A control plane and one operator for the session, a namespace for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.cluster import ClusterError, ControlPlane
from tests.cluster.build import CLIENTS, Binaries, build
from tests.operator.world import Namespace, Operator

_NUMBERS = itertools.count(1)


def _missing(error: ClusterError) -> NoReturn:
    """Without a cluster nothing is shown: that is no failure on a laptop, but one in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"no control plane: {error}")
    pytest.skip(f"no control plane: {error}")


@pytest.fixture(scope="session")
def clients() -> Binaries:
    """kubectl and Helm."""
    try:
        return build(CLIENTS)
    except ClusterError as error:
        _missing(error)


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """A control plane with the CRD."""
    control_plane = ControlPlane()
    try:
        control_plane.start()
    except ClusterError as error:
        _missing(error)
    try:
        control_plane.kubectl("apply", "--server-side", "-f", "crds/")
        control_plane.kubectl(
            "wait", "--for=condition=Established", "crd/scimtenants.scim-operator.io"
        )
        yield control_plane
    finally:
        control_plane.stop()


@pytest.fixture(scope="session")
def operator(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The operator, which serves all namespaces."""
    process = Operator(cluster, tmp_path_factory.mktemp("operator") / "log")
    process.start()
    yield process
    assert process.stop() == 0


@pytest.fixture
def admission(cluster: ControlPlane) -> Namespace:
    """A namespace for what never comes to the operator."""
    return Namespace(cluster, f"team-{next(_NUMBERS)}")


@pytest.fixture
def namespace(admission: Namespace, operator: Operator) -> Namespace:
    """A namespace that the operator serves; it goes with the control plane."""
    return admission
