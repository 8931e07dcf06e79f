"""Feed the parsers with what libFuzzer makes up: only a SCIM error may come of it, and soon.

Takes libFuzzer's own options, such as ``-max_total_time=60``; a corpus is kept in the folder that
is named, and an input that fails is written to ``crash-*`` or ``timeout-*``.
"""

import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["scim_service"]):
    from scim_service import entra
    from scim_service.entra.leniencies import ENTRA_LENIENCIES
    from scim_service.scim import bulk, errors
    from scim_service.scim.filter.evaluator import matches
    from scim_service.scim.filter.parser import parse_filter
    from scim_service.scim.filter.printer import print_filter
    from scim_service.scim.filter.resolver import resolve_filter
    from scim_service.scim.patch import apply, path
    from scim_service.scim.patch.parser import parse_patch
    from scim_service.scim.resource import canonical
    from scim_service.scim.schemas.registry import Registry
    from scim_service.scim.schemas.resource_type import ResourceType

_EXTENSION = {
    "id": "urn:example:contoso:2.0:User",
    "attributes": [
        {"name": "badge", "type": "integer"},
        {"name": "height", "type": "decimal"},
        {"name": "hired", "type": "dateTime"},
        {"name": "tags", "multiValued": True},
    ],
}
_REGISTRY = Registry.load([_EXTENSION])
_ENTRA_REGISTRY = Registry.load([_EXTENSION], ENTRA_LENIENCIES)
_NAMES = sorted(
    {
        *_REGISTRY.user.top_level,
        *_REGISTRY.group.top_level,
        *("value", "type", "primary", "$ref", "display", "members", "bulkId:a"),
        *('emails[type eq "work"].value', 'members[value eq "1"]', "name.givenName"),
        *("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "True", ""),
    }
)
_DEPTH = 4


def fuzz(data: bytes) -> None:
    """Try one input on one parser."""
    provider = atheris.FuzzedDataProvider(data)
    registry = provider.PickValueInList([_REGISTRY, _ENTRA_REGISTRY])
    kind = provider.PickValueInList([registry.user, registry.group])
    target = provider.PickValueInList([_filter, _path, _patch, _resource, _bulk])
    try:
        target(provider, kind)
    except errors.ScimError as error:
        if not (400 <= error.status < 500 and error.detail):
            raise


def _filter(provider: Any, kind: ResourceType) -> None:
    parsed = parse_filter(_text(provider), kind.leniencies)
    assert parse_filter(print_filter(parsed)) == parsed
    matches(resolve_filter(parsed, kind), {"userName": "ada"})


def _path(provider: Any, kind: ResourceType) -> None:
    path.find_path(_text(provider), kind)


def _patch(provider: Any, kind: ResourceType) -> None:
    operations = [
        {
            "op": provider.PickValueInList(["add", "Replace", "remove", _text(provider)]),
            "path": _text(provider),
            "value": _value(provider, 0),
        }
        for _ in range(provider.ConsumeIntInRange(0, 3))
    ]
    if provider.ConsumeBool() and operations:
        del operations[0]["path"]
    body: object = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    }
    if kind in _ENTRA_REGISTRY.resource_types:
        body = entra.normalise_patch(kind, body)
    parsed = parse_patch(body, kind)
    before = {"userName": "ada", "displayName": "Ada", "emails": [{"type": "work", "value": "a"}]}
    apply.apply_patch(kind, before, parsed)


def _resource(provider: Any, kind: ResourceType) -> None:
    body = _value(provider, 0)
    if kind in _ENTRA_REGISTRY.resource_types:
        body = entra.normalise_resource(kind, body)
    canonical.validate(kind, body)


def _bulk(provider: Any, kind: ResourceType) -> None:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {
                "method": provider.PickValueInList(["POST", "PATCH", "delete", _text(provider)]),
                "path": provider.PickValueInList(["/Users", "/Groups/bulkId:a", _text(provider)]),
                "bulkId": provider.PickValueInList(["a", "b", _text(provider)]),
                "data": _value(provider, 0),
            }
            for _ in range(provider.ConsumeIntInRange(0, 3))
        ],
    }
    for operation in bulk.order_operations(
        bulk.parse_bulk(body, max_operations=10, leniencies=kind.leniencies).operations
    ):
        bulk.resolve_references(operation, {"a": "1"})


def _text(provider: Any) -> str:
    if provider.ConsumeBool():
        return str(provider.PickValueInList(_NAMES))
    return str(provider.ConsumeUnicodeNoSurrogates(provider.ConsumeIntInRange(0, 80)))


def _value(provider: Any, depth: int) -> Any:
    """Return a JSON value."""
    choice = provider.ConsumeIntInRange(0, 7 if depth < _DEPTH else 5)
    if choice == 6:
        return [_value(provider, depth + 1) for _ in range(provider.ConsumeIntInRange(0, 3))]
    if choice == 7:
        return {
            _text(provider): _value(provider, depth + 1)
            for _ in range(provider.ConsumeIntInRange(0, 4))
        }
    return (
        None,
        provider.ConsumeBool(),
        provider.ConsumeInt(9),
        provider.ConsumeFloat(),
        _text(provider),
        _text(provider),
    )[choice]


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
