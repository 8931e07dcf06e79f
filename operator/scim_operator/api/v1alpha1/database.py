"""``spec.database``: the database that stores users and groups."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from scim_operator.api.v1alpha1.formats import ApiModel, ObjectName, cel_rule, cel_rules


class Sqlite(ApiModel):
    """A SQLite database on the tenant's own volume."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "isQuantity(self.size) && quantity(self.size).isGreaterThan(quantity('0'))",
                "size must be a positive quantity of storage, such as 1Gi or 500Mi",
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
        Field(
            max_length=32, description="Storage request of the volume. It can grow but not shrink."
        ),
    ] = "1Gi"
    storage_class_name: Annotated[
        ObjectName | None,
        Field(
            description="StorageClass of the volume; if omitted, the operator's default, "
            "else the cluster's."
        ),
    ] = None


class SecretKey(ApiModel):
    """One key of a Secret in the tenant's namespace."""

    name: Annotated[ObjectName, Field(description="Name of the Secret.")]
    key: Annotated[str, Field(min_length=1, max_length=253, description="Key in the Secret.")]


class Postgres(ApiModel):
    """An existing PostgreSQL database; the operator does not run it."""

    url_from: Annotated[
        SecretKey,
        Field(
            description="Secret key that holds the URL "
            "postgresql://user:password@host/database. It is mounted as a file. "
            "If the same Secret has the key ca.crt, it is mounted as "
            "/etc/scim/database/ca.crt, for sslrootcert."
        ),
    ]


class Database(ApiModel):
    """Database of users and groups: exactly one of sqlite and postgres."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "has(self.sqlite) != has(self.postgres)",
                "a tenant has one database: set exactly one of sqlite and postgres",
            ),
            cel_rule(
                "has(self.sqlite) == has(oldSelf.sqlite)",
                "the kind of database cannot change, because data is not migrated: create "
                "another tenant and let Entra provision into it",
            ),
        )
    )

    sqlite: Annotated[Sqlite | None, Field(description="SQLite, in a file on a volume.")] = None
    postgres: Annotated[Postgres | None, Field(description="A PostgreSQL database.")] = None
