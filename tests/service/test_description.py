"""The OpenAPI document, and the service compared with it by random requests."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openapi_spec_validator
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)
from scim_service.http.middleware import Middleware
from scim_service.scim.messages import URN_GROUP, URN_USER
from starlette.routing import Route

from tests.service.program import TOKEN, client, program
from tests.service.served import Serve

URN = "urn:example:contoso:2.0:User"
EXTENSION = {
    "id": URN,
    "attributes": [{"name": "badge", "type": "integer"}, {"name": "hired", "type": "dateTime"}],
}


async def test_it_is_valid_and_names_the_tenant_s_attributes(serve: Serve) -> None:
    """It is valid OpenAPI 3.1 with the tenant's URL and each attribute with its type."""
    served = await serve({"provisioning": {"schemaExtensions": [EXTENSION]}})
    answer = await served.http.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    openapi_spec_validator.validate(document)
    assert document["servers"] == [{"url": "http://scim.example/scim"}]
    user = document["components"]["schemas"]["User"]["properties"]
    assert user[URN]["properties"]["badge"] == {"type": "integer"}
    assert user["emails"]["items"]["properties"]["primary"]["type"] == "boolean"
    assert user["groups"]["readOnly"] is True


async def test_it_is_behind_the_token(serve: Serve) -> None:
    """Without the token a client does not learn the tenant's attributes."""
    served = await serve()
    answer = await served.http.get("/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 401


async def test_it_has_every_endpoint_and_no_other(serve: Serve) -> None:
    """The described paths and the routed paths are the same."""
    served = await serve()
    described = (await served.http.get("/openapi.json")).json()["paths"]
    transport = served.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    assert isinstance(transport.app, Middleware)
    application = transport.app._application
    assert isinstance(application, FastAPI)
    routed = {
        (route.path, method.lower())
        for route in application.routes
        if isinstance(route, Route) and route.include_in_schema
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert {(path, method) for path, item in described.items() for method in item} == routed


@pytest.fixture(scope="module", params=["entra", "strict"])
def described(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[schemathesis.BaseSchema]:
    """The document of a running program, from which requests to it are generated."""
    folder = tmp_path_factory.mktemp("described")
    configuration = folder / "config.json"
    provisioning = {"profile": request.param, "schemaExtensions": [EXTENSION]}
    configuration.write_text(json.dumps({"provisioning": provisioning}))
    with program(
        f"sqlite:///{folder}/scim.db", "--host", "127.0.0.1", "--config", str(configuration)
    ) as (_, url):
        yield schemathesis.openapi.from_url(
            f"{url}/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}
        )


# A filter and a path of PATCH have a grammar of their own, so what is random is mostly refused, and
# the entra profile takes what no standard describes. Guesses at a token are slowed down.
NOT_SAID = [negative_data_rejection, positive_data_acceptance, ignored_auth]

RANDOM = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def test_random_requests_are_answered_as_described(described: schemathesis.BaseSchema) -> None:
    """No random request fails the service, and the document describes each answer."""
    tried = 0
    for operation in described.get_all_operations():
        assert isinstance(operation, Ok)

        @RANDOM
        @given(operation.ok().as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(headers=HEADERS, excluded_checks=NOT_SAID)
            if "id" in case.path_parameters:
                case.path_parameters["id"] = created(case)
                case.call_and_validate(headers=HEADERS, excluded_checks=NOT_SAID)

        ask()
    assert tried > 100


def created(case: schemathesis.Case[Any]) -> Any:
    """Return the id of a new resource of the type that a request is about."""
    assert case.operation.base_url is not None
    user = {"schemas": [URN_USER], "userName": f"random-{case.id}"}
    group = {"schemas": [URN_GROUP], "displayName": f"random-{case.id}"}
    is_user = case.path.startswith("/Users")
    with client(case.operation.base_url) as scim:
        answer = scim.post("/Users" if is_user else "/Groups", json=user if is_user else group)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]
