"""Each suite finds what is listed in `deviations.yaml`, and nothing else."""

import pytest

from tests.conformance.outcome import UnavailableError
from tests.conformance.suites import SUITES, Database, in_ci, run_suite


@pytest.mark.parametrize("database", list(Database))
@pytest.mark.parametrize("name", SUITES)
def test_suite(name: str, database: Database) -> None:
    """An empty database for each suite, of either kind."""
    try:
        outcome = run_suite(name, database)
    except UnavailableError as error:
        if in_ci() and error.required:
            raise
        pytest.skip(str(error))
    assert outcome.ok, outcome.explain()
