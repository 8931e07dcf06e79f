"""Copies of a SQLite database: backup, restore, and the files beside it."""
