"""The answers to failures of the service and its database, also within a Bulk request."""

import logging

from scim_service.http.messages import TOO_BUSY
from scim_service.scim.errors import ScimError
from scim_service.store.database.database import STATEMENT_SECONDS
from scim_service.store.database.errors import (
    SlowQueryError,
    StorageFullError,
    UnavailableError,
    UncertainError,
)
from scim_service.tenant.context import RequestContext
from scim_service.worker import BusyError

RETRY = {"Retry-After": "30"}
RETRY_SOON = {"Retry-After": "5"}

EXPECTED: tuple[type[Exception], ...] = (
    StorageFullError,
    UnavailableError,
    SlowQueryError,
    BusyError,
)
"""Failures that have a cause outside of the program."""

_logger = logging.getLogger(__name__)

_FULL = ScimError(507, "The tenant's volume is full and nothing was changed; give it more room.")
_UNAVAILABLE = ScimError(
    503, "The database does not answer at present and nothing was changed; try again."
)
_UNCERTAIN = ScimError(
    503,
    "The connection to the database was lost while it was about to store the change, so it may be"
    " stored or not; read the resource before you repeat it.",
)
_SLOW = ScimError(
    503,
    f"The database took more than {STATEMENT_SECONDS:g} seconds and was stopped; nothing was"
    " changed. Ask for less: filter by userName, externalId, displayName or emails with eq, and"
    " with fewer conditions.",
)


def describe_failure(error: Exception, context: RequestContext) -> tuple[ScimError, dict[str, str]]:
    """Return the error that a failure is answered with, and its headers.

    An unexpected failure is logged with its traceback and the id of the request.
    """
    if isinstance(error, BusyError):
        return TOO_BUSY, RETRY_SOON
    if isinstance(error, StorageFullError):
        return _FULL, RETRY
    if isinstance(error, SlowQueryError):
        return _SLOW, RETRY
    if isinstance(error, UncertainError):
        return _UNCERTAIN, RETRY
    if isinstance(error, UnavailableError):
        return _UNAVAILABLE, RETRY
    _logger.error("request %s failed", context.request_id, exc_info=error)
    context.failed = True
    return (
        ScimError(
            500,
            "The service failed. Its log has the cause: look there for the id of this request,"
            f" {context.request_id}.",
        ),
        RETRY_SOON,
    )
