"""The endpoints that describe the service (RFC 7644 section 4)."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from scim_service.entra.urls import SERVICE_CONFIGURATION
from scim_service.http.messages import ScimResponse, get_context
from scim_service.http.openapi import openapi_document
from scim_service.scim import errors
from scim_service.scim.messages import URN_SERVICE_PROVIDER_CONFIG, build_list_response
from scim_service.scim.schemas.registry import Registry
from scim_service.tenant.limits import Limits


def add_discovery_routes(router: APIRouter, registry: Registry, limits: Limits) -> None:
    """Add the endpoints that describe the service."""

    @router.get("/ServiceProviderConfig")
    @router.get(SERVICE_CONFIGURATION, include_in_schema=False)
    async def service_provider_config(request: Request) -> Response:
        _refuse_filter(request)
        return _respond(_build_service_provider_config(get_context(request).base, limits))

    @router.get("/Schemas")
    async def schemas(request: Request) -> Response:
        _refuse_filter(request)
        return _respond(
            build_list_response(registry.list_schema_documents(get_context(request).base))
        )

    @router.get("/Schemas/{urn}")
    async def schema(request: Request) -> Response:
        urn = request.path_params["urn"]
        document = registry.find_schema_document(urn, get_context(request).base)
        if document is None:
            raise errors.not_found(f"There is no schema {urn}; /Schemas lists them.")
        return _respond(document)

    @router.get("/ResourceTypes")
    async def resource_types(request: Request) -> Response:
        _refuse_filter(request)
        return _respond(
            build_list_response(registry.list_resource_type_documents(get_context(request).base))
        )

    @router.get("/ResourceTypes/{name}")
    async def resource_type(request: Request) -> Response:
        name = request.path_params["name"]
        for document in registry.list_resource_type_documents(get_context(request).base):
            if document["id"] == name:
                return _respond(document)
        raise errors.not_found(f"There is no resource type {name}; /ResourceTypes lists them.")

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        document = openapi_document(registry, get_context(request).base)
        return Response(orjson.dumps(document), media_type="application/json")


def _respond(document: dict[str, Any]) -> Response:
    return ScimResponse(orjson.dumps(document))


def _refuse_filter(request: Request) -> None:
    """Refuse a filter; RFC 7644 section 4 requires the status 403."""
    if "filter" in request.query_params:
        raise errors.forbidden("This endpoint has no filter; leave it out.")


def _build_service_provider_config(base: str, limits: Limits) -> dict[str, Any]:
    return {
        "schemas": [URN_SERVICE_PROVIDER_CONFIG],
        "documentationUri": "https://learn.microsoft.com/entra/identity/app-provisioning/",
        "patch": {"supported": True},
        "bulk": {
            "supported": True,
            "maxOperations": limits.bulk_operations,
            "maxPayloadSize": limits.body_bytes,
        },
        "filter": {"supported": True, "maxResults": limits.page_maximum},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": limits.page_default,
            "maxPageSize": limits.page_maximum,
            "cursorTimeout": limits.cursor_seconds,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "OAuth bearer token",
                "description": "The Secret Token of the Provisioning page, as a bearer token.",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
                "primary": True,
            }
        ],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": f"{base}/ServiceProviderConfig",
        },
    }
