"""Entra's checks of an answer before it uses it.

Sources: Microsoft, "Develop and plan provisioning for a SCIM endpoint" (requirements and example
responses), and "Application provisioning in quarantine status"; RFC 7644 sections 3.3 to 3.6.
"""

from typing import Any

from .attributes import Resource, lookup
from .errors import Code, QuarantineError, RefusedError, code_of
from .transport import MEDIA_TYPE, TIMED_OUT, Answer

LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def listed(answer: Answer) -> list[Resource]:
    """Return the resources that a query found.

    404 instead of an empty list, and refused credentials, put the job into quarantine at once.
    """
    _demand_rights(answer)
    if answer.status == 404:
        raise QuarantineError(
            "EncounteredQuarantineException",
            "SCIM Compliance issue: an HTTP/404 Not Found response was returned rather than the"
            " expected HTTP/200 OK response",
            answer,
        )
    body = _object(_expect(answer, 200))
    if LIST_RESPONSE not in (body.get("schemas") or ()):
        raise RefusedError(Code.INCOMPATIBLE, "the answer to a query is no ListResponse", answer)
    total, found = body.get("totalResults"), body.get("Resources", [])
    if not isinstance(total, int) or isinstance(total, bool):
        raise RefusedError(Code.INCOMPATIBLE, "totalResults is no number", answer)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise RefusedError(Code.INCOMPATIBLE, "Resources is no list of objects", answer)
    if len(found) > total or (total > 0 and not found):
        raise RefusedError(
            Code.INCOMPATIBLE, f"totalResults {total} with {len(found)} Resources", answer
        )
    for resource in found:
        _anchor(resource, answer)
    return found


def matched(answer: Answer, attribute: str, value: str) -> Resource | None:
    """Return the object that a matching query found, None if it found none."""
    found = listed(answer)
    if len(found) > 1:
        raise RefusedError(Code.DUPLICATE_TARGET_ENTRIES, f"{len(found)} objects match", answer)
    if not found:
        return None
    held = lookup(found[0], attribute)
    if not isinstance(held, str) or held.lower() != value.lower():
        raise RefusedError(Code.INCOMPATIBLE, f"{attribute} {held!r} does not match", answer)
    return found[0]


def got(answer: Answer, anchor: str, *, without: str | None = None) -> Resource:
    """Return the object read by its anchor; `without` names the excluded attributes."""
    _demand_rights(answer)
    resource = _object(_expect(answer, 200))
    if _anchor(resource, answer) != anchor:
        raise RefusedError(Code.INCOMPATIBLE, "the id is not the one asked for", answer)
    if without is not None and lookup(resource, without):
        raise RefusedError(Code.MULTIPLE_ENTRIES, f"{without} were to be left out", answer)
    return resource


def created(answer: Answer) -> Resource:
    """Return the object that a POST created; its id is the anchor from then on."""
    if answer.status == 409:
        raise RefusedError(Code.ENTRY_CONFLICT, _detail(answer), answer)
    resource = _object(_expect(answer, 201))
    _anchor(resource, answer)
    return resource


def updated(answer: Answer) -> None:
    """Accept the answer to a PATCH: nothing, or for a user the changed resource."""
    _expect(answer, 200, 204)
    if answer.status == 200:
        _anchor(_object(answer), answer)


def deleted(answer: Answer) -> None:
    """Accept the answer to a DELETE, also if the object is already deleted."""
    _expect(answer, 204, 404)


def _expect(answer: Answer, *statuses: int) -> Answer:
    if answer.status is None:
        code = Code.TIMEOUT if answer.problem == TIMED_OUT else Code.PROTOCOL_ERROR
        raise RefusedError(code, answer.problem, answer)
    if answer.status == 401:
        raise QuarantineError(
            "EncounteredQuarantineException", f"invalid credentials: {_detail(answer)}", answer
        )
    if answer.status not in statuses:
        unexpected = str(Code.INCOMPATIBLE) if answer.status < 400 else code_of(answer.status)
        raise RefusedError(unexpected, _detail(answer), answer)
    return answer


def _demand_rights(answer: Answer) -> None:
    if answer.status == 403:
        raise QuarantineError(
            "EncounteredQuarantineException", f"no right to read: {_detail(answer)}", answer
        )


def _object(answer: Answer) -> Resource:
    if answer.media_type != MEDIA_TYPE:
        raise RefusedError(
            Code.INCOMPATIBLE, f"Content-Type is {answer.media_type!r}, not {MEDIA_TYPE}", answer
        )
    try:
        body = answer.body()
    except ValueError as error:
        raise RefusedError(Code.INCOMPATIBLE, f"no JSON: {error}", answer) from error
    if not isinstance(body, dict):
        raise RefusedError(Code.INCOMPATIBLE, "the body is no JSON object", answer)
    return body


def _anchor(resource: Resource, answer: Answer) -> str:
    anchor = resource.get("id")
    if not isinstance(anchor, str) or not anchor:
        raise RefusedError(Code.INCOMPATIBLE, "the resource has no id", answer)
    return anchor


def _detail(answer: Answer) -> str:
    """Return the text for the provisioning log."""
    shown: Any = answer.shown()
    if isinstance(shown, dict) and shown.get("detail"):
        return str(shown["detail"])
    return f"status {answer.status} without a readable detail"
