"""The configuration of a tenant: the content of ``config.json``."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from scim_service.entra.dialects import DIALECTS, Dialect, Profile
from scim_service.scim.schemas.registry import Registry
from scim_service.settings import SettingsError


class _Section(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Provisioning(_Section):
    """The rules for the users and groups that a client provisions."""

    profile: Profile = "entra"
    required_attributes: tuple[str, ...] = ()
    max_users: int | None = Field(default=None, ge=0)
    schema_extensions: tuple[dict[str, Any], ...] = ()

    @property
    def dialect(self) -> Dialect:
        """All that the profile decides."""
        return DIALECTS[self.profile]

    def load_registry(self) -> Registry:
        """Return the tenant's schemas and resource types.

        Raises
        ------
        SchemaError
            A schema extension is not usable; the message names it and the place in it.
        """
        return Registry.load(self.schema_extensions, self.dialect.leniencies)


class TenantConfig(_Section):
    """The content of ``config.json``."""

    name: str = Field(default="local", alias="tenant")
    base_path: str = "/scim"
    tenant_url: str | None = Field(default=None, alias="tenantURL")
    provisioning: Provisioning = Provisioning()

    @field_validator("base_path")
    @classmethod
    def _normal_path(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
            raise ValueError("must be a path such as /team-a/contoso/scim")
        return path

    @field_validator("tenant_url")
    @classmethod
    def _normal_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not re.fullmatch(r"https?://[^\s\"\\]+", url):
            raise ValueError("must be a http or https URL")
        return url.partition("?")[0].rstrip("/")


def read_config(path: Path | None) -> TenantConfig:
    """Return the tenant's configuration, the defaults where there is no file.

    Raises
    ------
    SettingsError
        The file is missing, is not JSON or breaks a rule; the message says where.
    """
    if path is None:
        return TenantConfig()
    try:
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict):
            raise SettingsError(f"the configuration {path} is not usable: it is not a JSON object")
        return TenantConfig.model_validate(document)
    except OSError as error:
        raise SettingsError(f"cannot read the configuration {path}: {error.strerror}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the document'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise SettingsError(f"the configuration {path} is not usable: {problems}") from error
    except ValueError as error:
        raise SettingsError(f"the configuration {path} is not JSON: {error}") from error
