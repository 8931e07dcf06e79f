"""Filters, orders and pages as SQL, over the search form of resources.

Law: no table is named here, and no I/O takes place except in `query.Finder`. A `Source` says which
attributes are columns, which are rows, and the rest is looked up in the search form.
"""
