"""``spec.token``: rotation of the Secret Token."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from scim_operator.api import names
from scim_operator.api.v1alpha1.formats import (
    SECONDS_PER_UNIT,
    ApiModel,
    Duration,
    ObjectName,
    cel_rule,
    cel_rules,
    cel_seconds,
)


class Token(ApiModel):
    """The Secret Token that Entra sends."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                f"{cel_seconds('self.overlap')} >= {40 * SECONDS_PER_UNIT['m']}",
                "overlap must be at least 40m, one provisioning cycle of Entra: a shorter one "
                "can end before Entra has sent a request with the new token",
            ),
            cel_rule(
                f"!has(self.rotateEvery) || {cel_seconds('self.rotateEvery')} > "
                f"{cel_seconds('self.overlap')}",
                "rotateEvery must be longer than overlap, or a token would be replaced before "
                "the one before it is retired",
            ),
            cel_rule(
                "!(has(self.rotateEvery) && has(self.existingSecret))",
                "a token from existingSecret is rotated by whoever writes that Secret: omit "
                "rotateEvery",
            ),
        )
    )

    rotate_every: Annotated[
        Duration | None,
        Field(description="Age at which a token is replaced, such as 90d; never if omitted."),
    ] = None
    overlap: Annotated[
        Duration,
        Field(
            description="Time that the old token lives on after a rotation, such as 72h or 3d, at "
            "least: it is retired only when the new one has been used as well."
        ),
    ] = "72h"
    existing_secret: Annotated[
        ObjectName | None,
        Field(
            description="A Secret of yours with the token under the key secretToken: at least 32 "
            "random characters. The "
            f"operator only reads it; with the label {names.TENANT_LABEL}: <tenant> it notices "
            "changes at once."
        ),
    ] = None
