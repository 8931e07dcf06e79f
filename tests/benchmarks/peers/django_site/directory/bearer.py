"""The bearer token, which django-scim2 leaves to the site."""

import hmac
import os
from types import SimpleNamespace

_EXPECTED = f"Bearer {os.environ['PEER_TOKEN']}"


def authenticate(get_response):
    """Return the middleware."""

    def middleware(request):
        given = request.headers.get("Authorization", "")
        request.user = SimpleNamespace(is_authenticated=hmac.compare_digest(given, _EXPECTED))
        return get_response(request)

    return middleware
