"""The store: tables, migrations, the repository and filters as SQL, on SQLite and PostgreSQL."""
