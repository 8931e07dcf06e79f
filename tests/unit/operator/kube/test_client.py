"""Requests that the client's verbs send."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import SERVICE, TENANT, Object

LIVE = {"metadata": {"namespace": "team-a", "name": "contoso-scim", "uid": "u1"}}


class _Client(KubeClient):
    """A client whose requests are recorded instead of sent."""

    def __init__(self, *answers: Object | ApiError) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self._answers = list(answers)

    async def request(self, method: str, path: str, **options: Any) -> Object:
        params = dict(options.get("params") or {})
        self.sent.append((method, path, {**options, "params": params}))
        answer = self._answers.pop(0) if self._answers else {}
        if isinstance(answer, ApiError):
            raise answer
        return answer


async def test_get() -> None:
    """A missing object is None; any other error is raised."""
    assert await _Client(ApiError(404, "no")).get(SERVICE, "team-a", "x") is None
    with pytest.raises(ApiError):
        await _Client(ApiError(403, "no")).get(SERVICE, "team-a", "x")


async def test_apply_of_a_status() -> None:
    """A subresource is part of the path, and the body names its kind."""
    client = _Client()
    await client.apply(TENANT, LIVE | {"status": {}}, force=True, subresource="status")
    ((method, path, options),) = client.sent
    assert (method, path) == ("PATCH", f"{TENANT.path('team-a', 'contoso-scim')}/status")
    assert options["content_type"] == "application/apply-patch+yaml"
    assert options["params"]["force"] == "true"
    assert options["body"]["kind"] == "ScimTenant"


async def test_apply_new() -> None:
    """The body has a version that no object has, so that an existing object causes a conflict."""
    client = _Client()
    await client.apply_new(SERVICE, LIVE)
    assert client.sent[0][2]["body"]["metadata"]["resourceVersion"] == "1"
    assert "resourceVersion" not in LIVE["metadata"]


async def test_merge_names_the_object() -> None:
    """A merge holds for this object only, and keeps other changes of its metadata."""
    client = _Client()
    await client.merge(SERVICE, LIVE, {"metadata": {"labels": {"a": "b"}}})
    assert client.sent[0][2]["body"]["metadata"] == {"labels": {"a": "b"}, "uid": "u1"}


@pytest.mark.parametrize("code", [404, 409])
async def test_delete_of_a_missing_object(code: int) -> None:
    """An object that is gone, or was replaced by another one, counts as deleted."""
    client = _Client(ApiError(code, "no"))
    await client.delete(SERVICE, "team-a", "contoso-scim", "u1")
    assert client.sent[0][2]["body"]["preconditions"] == {"uid": "u1"}


async def test_refused_delete() -> None:
    """Any other error of a delete is raised."""
    with pytest.raises(ApiError):
        await _Client(ApiError(403, "no")).delete(SERVICE, "team-a", "contoso-scim", "u1")


async def test_pages() -> None:
    """Pages are requested until the API server names no next one."""
    first = {"items": [LIVE], "metadata": {"resourceVersion": "7", "continue": "more"}}
    last: Object = {"items": [], "metadata": {"resourceVersion": "7"}}
    client = _Client(first, last)
    pages = [page async for page in client.pages(SERVICE, None, "label")]
    assert pages == [([LIVE], "7"), ([], "7")]
    assert [options["params"].get("continue") for _, _, options in client.sent] == [None, "more"]
