"""Microsoft Entra ID's dialect, put into standard form before the protocol core sees it.

Each habit of Entra's provisioning service is one small function that names its source; a tenant
with the ``strict`` profile goes past this module. What a habit asks for beyond a change of the
request (skipping unknown attributes, creating an element that a value filter describes, literals
without quotes) is the ``lenient`` argument of the protocol core's functions.
"""

from typing import Any

from scim_service.scim.schema import ResourceType


def normalise_resource(resource_type: ResourceType, body: object) -> Any:
    """Return the body of a POST or PUT in standard form; `body` itself is not changed."""
    raise NotImplementedError


def normalise_patch(resource_type: ResourceType, body: object) -> Any:
    """Return the body of a PATCH in standard form; `body` itself is not changed."""
    raise NotImplementedError


def normalise_filter(text: str) -> str:
    """Return a filter in the form that `parse_filter` takes with ``lenient``."""
    raise NotImplementedError
