"""The commands of ``kubectl scim``, one file for each."""
