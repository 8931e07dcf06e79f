"""The data of one tenant, on SQLite or PostgreSQL.

Law: SQL and drivers exist only here. A `Repository` belongs to one tenant and one database; nothing
is kept in globals but compiled tables and dialects. The store imports resource types and the core's
filters, but neither HTTP nor Entra's dialect. It calls back into a use case at one place: inside of
the transaction that changes a resource (see `resources`).
"""
