"""Finds how an object in the cluster differs from the desired one, and which client changed it.

Law: no I/O. What other clients do repeatedly is remembered here, in bounded memory.
"""
