"""A control plane and one operator for the session, a namespace for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.cluster import ClusterError, ControlPlane
from tests.cluster.build import CLIENTS, Binaries, build
from tests.cluster.machine import require
from tests.operator.install import Installation, defined
from tests.operator.world import Namespace, Operator

RECOVERY = "recovery_seconds"
_NUMBERS = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for what takes minutes."""
    parser.addoption(
        "--full",
        action="store_true",
        help="break things among 1,000 tenants and for 30 seconds, where it is 10 and 4 otherwise",
    )


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether what takes minutes is asked for."""
    return bool(request.config.getoption("full"))


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


@contextmanager
def _control_plane() -> Iterator[ControlPlane]:
    with ExitStack() as stack:
        try:
            control_plane = stack.enter_context(defined())
        except ClusterError as error:
            _missing(error)
        yield control_plane


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """A control plane with the CRD."""
    with _control_plane() as control_plane:
        yield control_plane


@pytest.fixture(scope="session")
def fragile() -> Iterator[ControlPlane]:
    """Another one, whose servers tests stop; no operator runs there but those of a test."""
    with _control_plane() as control_plane:
        yield control_plane


@pytest.fixture(scope="session")
def installation(fragile: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The chart's account and rights there."""
    return Installation(fragile, tmp_path_factory.mktemp("operators"))


@pytest.fixture
def unserved(fragile: ControlPlane) -> Namespace:
    """A namespace there."""
    return Namespace(fragile, f"team-{next(_NUMBERS)}")


@pytest.fixture(scope="session")
def operator(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The operator, which serves all namespaces."""
    process = Operator(cluster, tmp_path_factory.mktemp("operator") / "log")
    process.start()
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="session")
def faketime() -> Path:
    """The library that shows a process another time than the machine's."""
    try:
        require(["faketime"])
    except ClusterError as error:
        _missing(error)
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@pytest.fixture
def admission(cluster: ControlPlane) -> Namespace:
    """A namespace for what never comes to the operator."""
    return Namespace(cluster, f"team-{next(_NUMBERS)}")


@pytest.fixture
def namespace(admission: Namespace, operator: Operator) -> Namespace:
    """A namespace that the operator serves; it goes with the control plane."""
    return admission


@pytest.fixture
def recovery(request: pytest.FixtureRequest) -> Callable[[float], None]:
    """Note how many seconds a recovery took; they are listed at the end."""

    def note(seconds: float) -> None:
        request.node.user_properties.append((RECOVERY, seconds))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the recoveries."""
    found = [
        (report.nodeid, seconds)
        for report in terminalreporter.getreports("passed")
        if report.when == "call"
        for name, seconds in report.user_properties
        if name == RECOVERY
    ]
    if found:
        terminalreporter.section("recoveries")
    for test, seconds in found:
        terminalreporter.write_line(f"{seconds:6.1f} s  {test.partition('::')[2]}")
