"""The checks of ``kubectl scim doctor``, one function a question, over collected facts.

No I/O here. A missing fact makes its checks ``unknown`` and no others; where the tenant's status
has the fact as well, the check takes it from there.
"""
