"""A tenant on an empty database for each test, with Entra's requests."""

import pytest

from tests.service.served import Serve

from .tenant import EntraTenant


@pytest.fixture
async def entra(serve: Serve) -> EntraTenant:
    """The tenant, with the token in every request."""
    return EntraTenant((await serve()).http)
