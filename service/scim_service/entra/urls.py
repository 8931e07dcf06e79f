"""Corrects the paths that Entra requests."""

_ENDPOINTS = {
    name.lower(): name
    for name in (
        "Users",
        "Groups",
        "Bulk",
        "Me",
        "Schemas",
        "ResourceTypes",
        "ServiceProviderConfig",
    )
}

SERVICE_CONFIGURATION = "/serviceConfiguration"
"""Another name of ``/ServiceProviderConfig`` (collection)."""


def merge_slashes(path: str) -> str:
    """Replace repeated slashes by one.

    A Tenant URL that ends with a slash makes Entra ask for ``//Users``.
    """
    while "//" in path:
        path = path.replace("//", "/")
    return path


def correct_endpoint(path: str) -> str:
    """Return the path with its endpoint in canonical spelling: ``/users`` is ``/Users``.

    Tutorial: "Don't require a case-sensitive match on structural elements in SCIM".
    """
    endpoint, slash, rest = path[1:].partition("/")
    return f"/{_ENDPOINTS.get(endpoint.lower(), endpoint)}{slash}{rest}"
