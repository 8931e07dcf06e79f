"""The OpenAPI document of a tenant's endpoints, made from its schemas.

People read it, and tools that test or call an API; the endpoints of ``discovery`` are SCIM's own
description.
"""

from collections.abc import Iterable
from typing import Any

from scim_service import __version__
from scim_service.scim.messages import (
    CONTENT_TYPE,
    URN_BULK_REQUEST,
    URN_BULK_RESPONSE,
    URN_ERROR,
    URN_LIST_RESPONSE,
    URN_PATCH_OP,
    URN_SEARCH_REQUEST,
)
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.registry import Registry
from scim_service.scim.schemas.resource_type import ResourceType

Json = dict[str, Any]

_STRING: Json = {"type": "string"}
_INTEGER: Json = {"type": "integer"}
_STRINGS: Json = {"type": "array", "items": _STRING}
_TYPES: dict[str, Json] = {
    "boolean": {"type": "boolean"},
    "decimal": {"type": "number"},
    "integer": _INTEGER,
    "dateTime": {"type": "string", "format": "date-time"},
    "binary": {"type": "string", "contentEncoding": "base64"},
}
_QUERY: dict[str, Json] = {
    "filter": {**_STRING, "examples": ['userName eq "joy@example.com"']},
    "sortBy": _STRING,
    "sortOrder": {**_STRING, "enum": ["ascending", "descending"]},
    "startIndex": _INTEGER,
    "count": _INTEGER,
    "cursor": _STRING,
}
_SHOWN = ("attributes", "excludedAttributes")
_STATUSES = {
    "200": "Done.",
    "201": "Created.",
    "204": "Done; there is nothing to show.",
    "304": "The resource still has the version in If-None-Match.",
    "400": "The request is not valid, or the tenant's rules refuse it.",
    "401": "The token is missing or not accepted.",
    "403": "The endpoint has no filter.",
    "404": "There is no such resource.",
    "409": "A value that must be unique is taken.",
    "412": "The resource has another version than If-Match names.",
    "413": "The body is too large.",
    "415": "The body is of another media type.",
    "429": "There are more requests than the rate limit allows.",
    "503": "The database does not answer at present.",
    "507": "The volume is full.",
}
_ANY = ("401", "429", "503")
_READ = (*_ANY, "400")
_BODY = (*_READ, "413", "415")
_WRITE = (*_BODY, "409", "507")


def openapi_document(registry: Registry, base: str) -> Json:
    """Return the document; `base` is the tenant's URL, without a slash at its end."""
    paths: Json = {
        "/": {"get": _search("users and groups")},
        "/.search": {"post": _search("users and groups", by_body=True)},
        "/Bulk": {
            "post": _operation(
                "Several writes in one request", {"200": "BulkResponse"}, _WRITE, body="BulkRequest"
            )
        },
        "/ServiceProviderConfig": {"get": _discovery("What the service supports")},
        "/Schemas": {"get": _discovery("The attributes of users and groups", shows="ListResponse")},
        "/Schemas/{urn}": {"get": _discovery("One schema", "urn")},
        "/ResourceTypes": {"get": _discovery("The kinds of resources", shows="ListResponse")},
        "/ResourceTypes/{name}": {"get": _discovery("One kind of resource", "name")},
    }
    schemas = _messages()
    for resource_type in registry.resource_types:
        paths |= _describe_paths(resource_type)
        schemas[resource_type.name] = _resource(resource_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "SCIM 2.0", "version": __version__},
        "servers": [{"url": base}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


def _describe_paths(resource_type: ResourceType) -> Json:
    name, endpoint = resource_type.name, resource_type.endpoint
    one = [_parameter("id", "path", _STRING)]
    shown = [_parameter(each, "query", _STRING) for each in _SHOWN]
    if_match = _parameter("If-Match", "header", _STRING)
    if_none_match = _parameter("If-None-Match", "header", _STRING)
    return {
        endpoint: {
            "get": _search(f"{name}s"),
            "post": _operation(
                f"Create a {name}", {"201": name}, _WRITE, shown, body=_new(resource_type)
            ),
        },
        f"{endpoint}/.search": {"post": _search(f"{name}s", by_body=True)},
        f"{endpoint}/{{id}}": {
            "get": _operation(
                f"Get a {name}",
                {"200": name, "304": None},
                (*_READ, "404"),
                [*one, *shown, if_none_match],
            ),
            "put": _operation(
                f"Replace a {name}",
                {"200": name},
                (*_WRITE, "404", "412"),
                [*one, *shown, if_match],
                body=_new(resource_type),
            ),
            "patch": _operation(
                f"Change a {name}",
                {"200": name, "204": None},
                (*_WRITE, "404", "412"),
                [*one, *shown, if_match],
                body="PatchOp",
            ),
            "delete": _operation(
                f"Delete a {name}", {"204": None}, (*_ANY, "404", "412", "507"), [*one, if_match]
            ),
        },
    }


def _search(what: str, *, by_body: bool = False) -> Json:
    answers: dict[str, str | None] = {"200": "ListResponse"}
    if by_body:
        return _operation(
            f"Find {what} by a query in the body", answers, _BODY, body="SearchRequest"
        )
    parameters = [_parameter(name, "query", schema) for name, schema in _QUERY.items()]
    parameters += [_parameter(each, "query", _STRING) for each in _SHOWN]
    return _operation(f"Find {what}", answers, _READ, parameters)


def _discovery(summary: str, *names: str, shows: str = "Description") -> Json:
    refusals = (*_ANY, "404") if names else (*_ANY, "403")
    parameters = [_parameter(name, "path", _STRING) for name in names]
    return _operation(summary, {"200": shows}, refusals, parameters)


def _operation(
    summary: str,
    answers: dict[str, str | None],
    refusals: Iterable[str],
    parameters: Iterable[Json] = (),
    *,
    body: str | Json | None = None,
) -> Json:
    """Return an operation; each answer is the name of a schema, None for no body."""
    shown = answers | dict.fromkeys(refusals, "Error")
    operation: Json = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            status: {"description": _STATUSES[status], **_content(shown[status])}
            for status in sorted(shown)
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, **_content(body)}
    return operation


def _content(schema: str | Json | None) -> Json:
    if schema is None:
        return {}
    return {
        "content": {CONTENT_TYPE: {"schema": _ref(schema) if isinstance(schema, str) else schema}}
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(name: str, place: str, schema: Json) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _messages() -> Json:
    patch = {
        "op": {**_STRING, "enum": ["add", "replace", "remove"]},
        "path": {**_STRING, "examples": ['emails[type eq "work"].value']},
        "value": {},
    }
    write = {
        "method": {**_STRING, "enum": ["POST", "PUT", "PATCH", "DELETE"]},
        "path": {**_STRING, "examples": ["/Users"]},
        "bulkId": _STRING,
        "version": _STRING,
        "data": {"type": "object"},
    }
    written = {
        "method": _STRING,
        "bulkId": _STRING,
        "version": _STRING,
        "location": _STRING,
        "status": _STRING,
        "response": _ref("Error"),
    }
    query = _QUERY | dict.fromkeys(_SHOWN, _STRINGS)
    return {
        "Error": _message(
            URN_ERROR, ("status", "detail"), status=_STRING, scimType=_STRING, detail=_STRING
        ),
        "ListResponse": _message(
            URN_LIST_RESPONSE,
            ("totalResults", "itemsPerPage", "Resources"),
            totalResults=_INTEGER,
            itemsPerPage=_INTEGER,
            startIndex=_INTEGER,
            nextCursor=_STRING,
            Resources={"type": "array", "items": {"type": "object"}},
        ),
        "SearchRequest": _message(URN_SEARCH_REQUEST, (), **query),
        "PatchOp": _message(
            URN_PATCH_OP, ("Operations",), Operations=_objects(patch, "op") | {"minItems": 1}
        ),
        "BulkRequest": _message(
            URN_BULK_REQUEST,
            ("Operations",),
            failOnErrors={**_INTEGER, "minimum": 1},
            Operations=_objects(write, "method", "path"),
        ),
        "BulkResponse": _message(
            URN_BULK_RESPONSE, ("Operations",), Operations=_objects(written, "method", "status")
        ),
        "Description": {
            "type": "object",
            "required": ["schemas"],
            "properties": {"schemas": _STRINGS},
        },
    }


def _message(urn: str, required: Iterable[str], **properties: Any) -> Json:
    schemas = {"type": "array", "items": {"const": urn}, "minItems": 1, "maxItems": 1}
    return _object({"schemas": schemas, **properties}, ("schemas", *required))


def _objects(properties: Json, *required: str) -> Json:
    return {"type": "array", "items": _object(properties, required)}


def _object(properties: Json, required: Iterable[str] = ()) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _resource(resource_type: ResourceType) -> Json:
    """Return the schema of a resource; attributes that are always returned are required."""
    attributes = {each.name: each for each in resource_type.top_level.values()}
    always = [name for name, each in attributes.items() if each.returned == "always"]
    return _object({name: _attribute(each) for name, each in attributes.items()}, always)


def _new(resource_type: ResourceType) -> Json:
    """Return the schema of a request body that has a resource."""
    required = ["schemas", *(each.name for each in resource_type.required)]
    return {"allOf": [_ref(resource_type.name), {"required": required}]}


def _attribute(attribute: Attribute) -> Json:
    if attribute.type == "complex":
        schema = _object({each.name: _attribute(each) for each in attribute.sub_attributes})
    else:
        schema = dict(_TYPES.get(attribute.type, _STRING))
    if attribute.canonical_values:
        schema["examples"] = list(attribute.canonical_values)
    if attribute.multi_valued:
        schema = {"type": "array", "items": schema}
    if attribute.description:
        schema["description"] = attribute.description
    if attribute.mutability == "readOnly" and attribute.name != "schemas":
        schema["readOnly"] = True
    if attribute.returned == "never":
        schema["writeOnly"] = True
    return schema
