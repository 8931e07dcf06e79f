"""Whose an object is, and whether a tenant still has its data and its tokens."""
