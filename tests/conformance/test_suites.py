"""Each suite finds what is listed in `deviations.yaml`, and nothing else."""

import pytest

from tests.conformance import scim2_tester, scim_sanity
from tests.conformance.outcome import UnavailableError
from tests.conformance.suites import SUITES, Database, in_ci, run_suite


@pytest.mark.parametrize("database", list(Database))
@pytest.mark.parametrize("name", SUITES)
def test_suite(name: str, database: Database) -> None:
    """An empty database for each suite, of either kind."""
    check(name, database, "entra")


@pytest.mark.parametrize("name", [scim2_tester.NAME, scim_sanity.NAME])
def test_strict_profile(name: str) -> None:
    """The profile without Entra's dialect passes what asks for nothing but the standard."""
    check(name, Database.SQLITE, "strict")


def check(name: str, database: Database, profile: str) -> None:
    """Run a suite, and fail where it finds something that is not listed."""
    try:
        outcome = run_suite(name, database, profile=profile)
    except UnavailableError as error:
        if in_ci() and error.required:
            raise
        pytest.skip(str(error))
    assert outcome.ok, outcome.explain()
