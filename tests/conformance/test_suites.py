"""Each suite finds what is listed in `deviations.yaml`, and nothing else."""

import pytest

from tests.conformance.outcome import UnavailableError
from tests.conformance.suites import SUITES, in_ci, run_suite


@pytest.mark.parametrize("name", SUITES)
def test_suite(name: str) -> None:
    """On SQLite, an empty database for each suite."""
    try:
        outcome = run_suite(name)
    except UnavailableError as error:
        if in_ci() and error.required:
            raise
        pytest.skip(str(error))
    assert outcome.ok, outcome.explain()
