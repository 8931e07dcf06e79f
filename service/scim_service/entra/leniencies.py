"""The leniencies of Entra's dialect, each with its source (the package lists the sources)."""

from scim_service.scim.leniencies import Leniencies

ENTRA_LENIENCIES = Leniencies(
    # Tutorial, example of creating a user: a URN with a typo; other clients send none
    # (goauthentik/authentik#7460).
    ignores_missing_schemas=True,
    # docs/decisions/0027-understood-skipped-and-told.md: administrators map attributes by hand, and
    # a refusal would keep every other attribute from the user.
    skips_unknown_attributes=True,
    # Tutorial, second example of creating a user: ``manager`` beside the core attributes; examples
    # of queries: ``manager eq "..."``.
    finds_short_names=True,
    # Tutorial, examples of queries: ``externalId eq jyoung``. Quotes of another kind:
    # docs/decisions/0019-what-a-filter-finds.md.
    reads_unquoted_literals=True,
    # Reports from the field: ``emails[primary eq "True"].value eq "..."``.
    converts_literals=True,
    # Collection: ``attributes=emails[type eq "work"]``.
    accepts_filters_in_attribute_lists=True,
    # No known request has both lists; the one that asks for attributes says more.
    prefers_included_attributes=True,
    # Gallery tests: a PATCH without operations (AzureAD/SCIMReferenceCode#112).
    accepts_empty_patch=True,
    # Compatibility, removal of a member without the flag aadOptscim062020:
    # ``"path": "members", "value": [{"value": "..."}]`` (MicrosoftDocs/azure-docs#30826).
    accepts_values_in_remove=True,
    # Entra sets ``emails[type eq "work"].value`` of users without a work mail, too
    # (ssoready/ssoready#249).
    creates_described_elements=True,
    # docs/decisions/0027-understood-skipped-and-told.md: the next operation must find the element
    # by the same value filter.
    keeps_described_parts=True,
    # Gallery tests, SCIM_Null_Update: clearing the value of an element clears the element.
    removes_elements_without_value=True,
    # Tutorial: "Don't require a case-sensitive match on structural elements in SCIM".
    reads_methods_in_any_case=True,
)
