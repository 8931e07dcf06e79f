"""The ceiling: what FastAPI and uvicorn can do at most, with a body that never changes."""

import sys

import uvicorn
from fastapi import FastAPI, Request, Response

_USER = (
    b'{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],'
    b'"id":"6f1d3a0c-0d0e-4f4c-9b57-0a3e6f6c1e51","externalId":"user-1",'
    b'"userName":"user-1@contoso.example","active":true,"displayName":"Ada user-1",'
    b'"name":{"givenName":"Ada","familyName":"Lovelace"},'
    b'"emails":[{"type":"work","value":"user-1@contoso.example","primary":true}],'
    b'"meta":{"resourceType":"User","created":"2026-01-01T00:00:00.000Z",'
    b'"lastModified":"2026-01-01T00:00:00.000Z","version":"W/\\"1\\"",'
    b'"location":"http://127.0.0.1/scim/Users/6f1d3a0c-0d0e-4f4c-9b57-0a3e6f6c1e51"}}'
)
_LIST = (
    b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,'
    b'"startIndex":1,"itemsPerPage":1,"Resources":[' + _USER + b"]}"
)

application = FastAPI(openapi_url=None)


@application.get("/scim/Users")
async def read() -> Response:
    """Answer what a look-up by userName is answered with."""
    return Response(_LIST, media_type="application/scim+json")


@application.post("/scim/Users")
async def create(request: Request) -> Response:
    """Read the body, and answer what a created user is answered with."""
    await request.body()
    return Response(_USER, 201, media_type="application/scim+json")


if __name__ == "__main__":
    uvicorn.run(
        application,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )
