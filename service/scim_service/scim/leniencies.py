"""What the protocol core may overlook: the one record of its departures from the RFCs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leniencies:
    """The named leniencies of one tenant; without any, the core does what the RFCs say.

    The record travels on `ResourceType`. Functions that know no resource type take it as an
    argument.

    Parameters
    ----------
    ignores_missing_schemas
        A body or a message need not name its own schema in ``schemas``.
    skips_unknown_attributes
        An unknown attribute of a body or of a PATCH path is skipped and reported, not refused.
    finds_short_names
        An extension attribute is found without its URN (``manager``).
    reads_unquoted_literals
        A filter's literal may have no quotes, as in ``externalId eq jyoung``, or quotes of another
        kind (see `filter.quotes`). One without quotes has no blank, parenthesis, bracket or double
        quote in it and neither begins nor ends with a quote, but for an apostrophe at its end.
    converts_literals
        A filter's literal is converted to the type of its attribute (``"True"`` for a boolean,
        ``5`` for a string).
    accepts_filters_in_attribute_lists
        ``attributes`` and ``excludedAttributes`` may name an attribute with a value filter
        (``emails[type eq "work"]``), which selects the attribute.
    prefers_included_attributes
        ``attributes`` is taken where ``excludedAttributes`` is given as well.
    accepts_empty_patch
        A PATCH may have no operations.
    accepts_values_in_remove
        A remove may list the values to remove in ``value``.
    creates_described_elements
        A value filter that selects nothing creates the element that it describes; a remove then
        removes nothing. Otherwise both fail with noTarget.
    keeps_described_parts
        An element that is replaced keeps what the value filter says of it, so that the next
        operation finds it again.
    removes_elements_without_value
        An element whose value is cleared is removed, if only its labels are left.
    reads_methods_in_any_case
        The method of a bulk operation may be written in any case.
    """

    ignores_missing_schemas: bool = False
    skips_unknown_attributes: bool = False
    finds_short_names: bool = False
    reads_unquoted_literals: bool = False
    converts_literals: bool = False
    accepts_filters_in_attribute_lists: bool = False
    prefers_included_attributes: bool = False
    accepts_empty_patch: bool = False
    accepts_values_in_remove: bool = False
    creates_described_elements: bool = False
    keeps_described_parts: bool = False
    removes_elements_without_value: bool = False
    reads_methods_in_any_case: bool = False


NO_LENIENCIES = Leniencies()
