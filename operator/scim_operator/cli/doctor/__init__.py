"""``kubectl scim doctor``: the checks, and what gathers their facts."""
