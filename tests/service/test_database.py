"""A tenant's database across restarts of the service."""

from tests.service.served import Serve


async def test_a_restart_finds_the_written_data(serve: Serve) -> None:
    """A service opens a database that is already at its revision, and answers from it."""
    first = await serve()
    created = await first.http.post("/Users", json={"userName": "jyoung", "active": True})
    assert created.status_code == 201, created.text
    again = await (await serve()).http.get(f"/Users/{created.json()['id']}")
    assert again.status_code == 200, again.text
    assert again.json()["userName"] == "jyoung"
