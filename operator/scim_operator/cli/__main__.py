"""Lets ``python -m scim_operator.cli`` do the same as ``kubectl scim``."""

from scim_operator.cli.main import main

if __name__ == "__main__":
    main()
