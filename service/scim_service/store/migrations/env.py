"""Alembic's environment: it renders SQL, which `upgrade` runs through the service's drivers.

The output is one script without BEGIN and COMMIT, because it runs inside of a lock and a
transaction that are not Alembic's.
"""

from alembic import context

from scim_service.store import tables

context.configure(
    dialect_name=context.config.attributes["backend"],
    target_metadata=tables.metadata,
    transactional_ddl=False,
    literal_binds=True,
)
context.run_migrations()
