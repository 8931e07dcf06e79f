"""``spec.database``: the database that stores users and groups."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from scim_operator.api.v1alpha1.formats import ApiModel, ObjectName, cel_rule, cel_rules


class Sqlite(ApiModel):
    """A database file on a volume of the tenant's own."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "isQuantity(self.size) && quantity(self.size).isGreaterThan(quantity('0'))",
                "size is how much storage the volume asks for: write it like 1Gi or 500Mi",
            ),
            cel_rule(
                "!isQuantity(self.size) || !isQuantity(oldSelf.size) || "
                "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
                "a volume can grow but not shrink: keep the size or choose a larger one",
            ),
            cel_rule(
                "has(self.storageClassName) == has(oldSelf.storageClassName) && "
                "(!has(self.storageClassName) || "
                "self.storageClassName == oldSelf.storageClassName)",
                "storageClassName cannot change while the volume exists: create another tenant "
                "with the new class and let Entra provision into it",
            ),
        )
    )

    size: Annotated[
        str,
        Field(max_length=32, description="Storage that the volume asks for. It can only grow."),
    ] = "1Gi"
    storage_class_name: Annotated[
        ObjectName | None,
        Field(description="StorageClass of the volume; the operator's or cluster's by default."),
    ] = None


class SecretKey(ApiModel):
    """One key of a Secret in the tenant's namespace."""

    name: Annotated[ObjectName, Field(description="Name of the Secret.")]
    key: Annotated[str, Field(min_length=1, max_length=253, description="Key in the Secret.")]


class Postgres(ApiModel):
    """A PostgreSQL database that somebody else runs."""

    url_from: Annotated[
        SecretKey,
        Field(
            description="Where the URL is kept: postgresql://user:password@host/database. It is "
            "mounted as a file, with the key ca.crt of the same Secret, if there is one, as "
            "/etc/scim/database/ca.crt for sslrootcert."
        ),
    ]


class Database(ApiModel):
    """Where users and groups are stored: exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "has(self.sqlite) != has(self.postgres)",
                "a tenant has one database: give exactly one of sqlite and postgres",
            ),
            cel_rule(
                "has(self.sqlite) == has(oldSelf.sqlite)",
                "the kind of database cannot change, because the data would stay behind: create "
                "another tenant and let Entra provision into it",
            ),
        )
    )

    sqlite: Annotated[Sqlite | None, Field(description="A database file on a volume.")] = None
    postgres: Annotated[Postgres | None, Field(description="A PostgreSQL database.")] = None
