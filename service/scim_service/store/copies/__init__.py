"""Backups of a SQLite database, and their restoration, while the database is served.

Law: no module here imports the web server: a backup runs in the memory that the serving pod leaves.
A target file is written completely or not at all.
"""
