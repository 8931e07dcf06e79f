"""Bounds the work of one request by a count: the same request always has the same outcome."""

from scim_service.scim import errors

COMPARISONS = 25_000
"""The comparisons and copies that a request may make, by default.

Entra sends at most some 50 operations for a user, each with one condition on a few values; this
is a thousand operations with one condition on twenty values each, and takes about 25 ms.
"""


class Budget:
    """The comparisons that one request may still make; a bulk request has one budget.

    The sizes of the body and of the stored resource bound all costs in proportion to them. The
    budget counts products: the operations of a PATCH, times the values of an attribute, times the
    conditions of a value filter.
    """

    __slots__ = ("_left", "_whole")

    def __init__(self, comparisons: int = COMPARISONS) -> None:
        self._whole = self._left = comparisons

    def spend(self, comparisons: int) -> None:
        """Take comparisons from the budget, before they are made.

        Raises
        ------
        ScimError
            tooMany: the request needs more than it may have.
        """
        self._left -= comparisons
        if self._left < 0:
            raise errors.too_many(
                f"The request needs more than {self._whole} comparisons: each operation counts the"
                " values of its attribute, times the conditions of its value filter. Send the"
                " operations in several requests, with fewer conditions each."
            )
