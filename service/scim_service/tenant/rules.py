"""The rules that all requests of one tenant follow."""

from dataclasses import dataclass

from scim_service.entra.dialects import Dialect
from scim_service.tenant.config import TenantConfig
from scim_service.tenant.limits import Limits


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that all requests of one tenant follow.

    Parameters
    ----------
    cursor_key
        The key that signs the tenant's cursors.
    """

    config: TenantConfig
    limits: Limits
    cursor_key: bytes

    @property
    def dialect(self) -> Dialect:
        """All that the tenant's profile decides."""
        return self.config.provisioning.dialect
