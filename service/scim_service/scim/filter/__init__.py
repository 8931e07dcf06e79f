"""Filters (RFC 7644 section 3.4.2.2): from text to a tree, and from a tree to an answer.

A filter takes two steps. The `parser` knows the grammar only; the `resolver` binds every path to
its attribute and gives every literal the type of its attribute. Whatever evaluates filters
(`evaluator` here, SQL in the store) takes resolved filters only. This package does not select
resources: it does not know where they are kept.
"""
