"""Migrations, by Alembic. A revision is the number at the start of its file's name."""
