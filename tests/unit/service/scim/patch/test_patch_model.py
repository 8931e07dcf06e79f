"""PATCH against a model: slow, obvious, and written from the text of RFC 7644 section 3.5.2.

The model knows four targets only, each with its own code: a simple attribute (title), a complex
one (name), a multi-valued one (emails), and an attribute of an extension (department).
"""

import copy
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_PATCH_OP, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.schemas.resource_type import ResourceType

DEPARTMENT = f"{URN_ENTERPRISE_USER}:department"


class NoTargetError(Exception):
    """The model's name for noTarget."""


def model(resource: dict[str, Any], operations: list[dict[str, Any]], *, creates: bool) -> Any:
    resource = copy.deepcopy(resource)
    resource.setdefault("name", {})
    resource.setdefault("emails", [])
    extension = resource.setdefault(URN_ENTERPRISE_USER, {})
    for operation in operations:
        op, path = operation["op"], operation.get("path")
        value: Any = copy.deepcopy(operation.get("value"))
        if path is None:
            for name, each in value.items():
                model_whole(resource, op, name, each)
        elif path == DEPARTMENT:
            if op == "remove":
                extension.pop("department", None)
            else:
                extension["department"] = value
        elif path.startswith("name."):
            if op == "remove":
                resource["name"].pop(path[5:], None)
            else:
                resource["name"][path[5:]] = value
        elif path.startswith("emails["):
            model_element(resource, op, path, value, creates=creates)
        else:
            model_whole(resource, op, path, value)
    for name in ("name", "emails", URN_ENTERPRISE_USER):
        if not resource[name]:
            del resource[name]
    resource["schemas"] = [URN_USER]
    if URN_ENTERPRISE_USER in resource:
        resource["schemas"].append(URN_ENTERPRISE_USER)
    return resource


def model_whole(resource: dict[str, Any], op: str, name: str, value: Any) -> None:
    if name == "title":
        if op == "remove":
            resource.pop("title", None)
        else:
            resource["title"] = value
    elif name == "name":
        if op == "remove":
            resource["name"] = {}
        else:
            resource["name"].update(value)
    elif op == "remove":
        resource["emails"] = []
    elif op == "replace":
        resource["emails"] = value
    else:
        for new in value:
            model_add(resource["emails"], new)


def model_add(emails: list[dict[str, Any]], new: dict[str, Any]) -> None:
    def unmarked(email: dict[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in email.items() if name != "primary"}

    same = [email for email in emails if unmarked(email) == unmarked(new)]
    if not same:
        emails.append(new)
    elif "primary" in new:
        same[0]["primary"] = new["primary"]
    if new.get("primary") is True:
        chosen = same[0] if same else new
        for email in emails:
            if email is not chosen and email.get("primary") is True:
                email["primary"] = False


def model_element(
    resource: dict[str, Any], op: str, path: str, value: Any, *, creates: bool
) -> None:
    kind = path.split('"')[1]
    sub = path.partition("].")[2]
    emails = resource["emails"]
    selected = [email for email in emails if email.get("type") == kind]
    if not selected:
        if not creates:
            raise NoTargetError
        if op == "remove":
            return
        selected = [{"type": kind}]
        emails.extend(selected)
    for email in selected:
        if op == "remove" and not sub:
            emails[:] = [each for each in emails if each is not email]
        elif op == "remove":
            email.pop(sub, None)
            if creates and not email.keys() - {"type", "primary", "display"}:
                emails[:] = [each for each in emails if each is not email]
        elif sub:
            email[sub] = value
        elif op == "replace":
            email.clear()
            email.update(value)
        else:
            email.update(value)


WORDS = st.sampled_from(["a", "b", "c"])
KINDS = st.sampled_from(["work", "home", "other"])
EMAIL: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({"value": WORDS, "type": KINDS})
EMAILS = st.lists(EMAIL, max_size=3, unique_by=lambda email: (email["value"], email["type"]))


def emails_with_a_primary() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return lists of which the first may be primary."""
    return st.builds(
        lambda emails, primary: [
            {**email, "primary": True} if primary and index == 0 else email
            for index, email in enumerate(emails)
        ],
        EMAILS,
        st.booleans(),
    )


NAME = st.dictionaries(st.sampled_from(["familyName", "givenName"]), WORDS, min_size=1)
RESOURCES = st.fixed_dictionaries(
    {"userName": st.just("joy")},
    optional={
        "title": WORDS,
        "name": NAME,
        "emails": emails_with_a_primary().filter(bool),
        URN_ENTERPRISE_USER: st.fixed_dictionaries({"department": WORDS}),
    },
)


@st.composite
def operations(draw: st.DrawFn) -> dict[str, Any]:
    targets = {
        "title": WORDS,
        "name": NAME,
        "emails": emails_with_a_primary(),
        "name.familyName": WORDS,
        DEPARTMENT: WORDS,
        f'emails[type eq "{draw(KINDS)}"]': EMAIL,
        f'emails[type eq "{draw(KINDS)}"].value': WORDS,
    }
    path = draw(st.sampled_from([None, *targets]))
    op = draw(st.sampled_from(["add", "replace"] if path is None else ["add", "replace", "remove"]))
    if path is None:
        body = {"title": WORDS, "name": NAME, "emails": emails_with_a_primary()}
        return {"op": op, "value": draw(st.fixed_dictionaries({}, optional=body))}
    if op == "remove":
        return {"op": op, "path": path}
    return {"op": op, "path": path, "value": draw(targets[path])}


# Elements that an operation has made the same: the first stands for both.
@example(
    resource={
        "userName": "joy",
        "emails": [{"value": "a", "type": "work"}, {"value": "b", "type": "work"}],
    },
    body=[
        {
            "op": "replace",
            "path": 'emails[type eq "work"]',
            "value": {"value": "b", "type": "work"},
        },
        {
            "op": "add",
            "path": "emails",
            "value": [{"value": "b", "type": "work", "primary": True}],
        },
    ],
    lenient=False,
)
@given(RESOURCES, st.lists(operations(), min_size=1, max_size=4), st.booleans())
def test_patch_does_what_the_model_does(
    user: ResourceType,
    lenient_user: ResourceType,
    resource: dict[str, Any],
    body: list[dict[str, Any]],
    lenient: bool,
) -> None:
    """Any operations on any resource have the outcome that the model gives."""
    kind = lenient_user if lenient else user
    parsed = parse_patch({"schemas": [URN_PATCH_OP], "Operations": body}, kind)
    try:
        expected = model(resource, body, creates=lenient)
    except NoTargetError:
        expected = "noTarget"
    outcome: Any
    try:
        outcome = apply_patch(kind, resource, parsed)
    except ScimError as error:
        outcome = error.scim_type
    assert outcome == expected
