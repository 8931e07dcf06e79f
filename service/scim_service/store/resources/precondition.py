"""The condition that a request puts on the version of a resource."""

from collections.abc import Collection
from dataclasses import dataclass

from scim_service.scim import errors


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions that ``If-Match`` names; None for any."""

    versions: Collection[int] | None = None

    def check(self, version: int) -> None:
        """Refuse to go on from another version.

        Raises
        ------
        ScimError
            412.
        """
        if self.versions is not None and version not in self.versions:
            raise errors.precondition_failed(
                "The resource has changed since the version in If-Match; get it again."
            )


ANY_VERSION = Precondition()
