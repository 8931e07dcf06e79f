"""Migrations, by Alembic: a revision is the number at the start of its file's name.

Law: a published revision never changes. Alembic runs in a process of its own and only prints SQL;
`upgrade` runs it on the bare drivers.
"""
