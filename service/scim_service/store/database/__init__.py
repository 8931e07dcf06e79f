"""SQLite and PostgreSQL behind one interface: queries, transactions, errors.

Law: no module here knows a table. Modules of PostgreSQL are imported only when a tenant uses it,
because its driver takes memory.
"""
