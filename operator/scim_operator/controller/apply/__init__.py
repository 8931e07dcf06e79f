"""Applies a plan: writes the desired objects, removes the others, returns an outcome for each.

Law: `desired` decides what an object should be and whether a difference counts. This package alone
writes the objects of tenants.
"""
