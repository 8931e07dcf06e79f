"""Alembic's environment: it renders SQL, which `store.upgrade` runs through the service's drivers.

Its output is one script without BEGIN and COMMIT, since it runs inside of a lock and a
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
