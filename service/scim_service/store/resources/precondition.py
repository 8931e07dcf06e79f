"""The versions that a request allows a resource to have (``If-Match``)."""

from collections.abc import Collection
from dataclasses import dataclass

from scim_service.scim import errors


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions that ``If-Match`` names; None for any version."""

    versions: Collection[int] | None = None

    def check(self, version: int) -> None:
        """Check that a resource has one of these versions.

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
