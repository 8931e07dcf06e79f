"""The commands of ``kubectl scim``, one file each (``backup`` has ``restore``, too).

A command parses its options, calls ``cluster``, ``doctor`` or another module of the package for
its result, and prints that as a table and as JSON. It opens no connection itself.
"""
