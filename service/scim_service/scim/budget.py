"""The work that one request may cause, counted so that the same request always ends the same."""

from scim_service.scim import errors

COMPARISONS = 25_000
"""What a request may compare or copy, by default.

Entra sends at most some 50 operations for a user, each with one condition on a few values; this
is a thousand operations with one condition on twenty values each, and takes about 25 ms.
"""


class Budget:
    """What is left of the comparisons of one request; a bulk request has one for all of it.

    What costs in proportion to the body or to the stored resource is bounded by their sizes. This
    counts what multiplies: the operations of a PATCH, by the values of an attribute, by the
    conditions of a value filter.
    """

    __slots__ = ("_left", "_whole")

    def __init__(self, comparisons: int = COMPARISONS) -> None:
        self._whole = self._left = comparisons

    def spend(self, comparisons: int) -> None:
        """Take comparisons out of the budget, before they are made.

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
