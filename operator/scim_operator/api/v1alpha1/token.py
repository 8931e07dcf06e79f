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
                "overlap must be at least 40m, one provisioning cycle of Entra: a shorter "
                "overlap can end before Entra sends a request with the new token",
            ),
            cel_rule(
                f"!has(self.rotateEvery) || {cel_seconds('self.rotateEvery')} > "
                f"{cel_seconds('self.overlap')}",
                "rotateEvery must be longer than overlap: otherwise a token is replaced before "
                "its predecessor is retired",
            ),
            cel_rule(
                "!(has(self.rotateEvery) && has(self.existingSecret))",
                "you rotate the token of existingSecret by writing that Secret: omit rotateEvery",
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
            description="Minimum time that the service accepts the old token after a rotation, "
            "such as 72h or 3d. The old token is retired only after Entra has used the new one."
        ),
    ] = "72h"
    existing_secret: Annotated[
        ObjectName | None,
        Field(
            description="Your own Secret with the token under the key secretToken: at least 32 "
            "random characters. The operator only reads it. Set its label "
            f"{names.TENANT_LABEL}: <tenant>, so that the operator notices changes at once."
        ),
    ] = None
