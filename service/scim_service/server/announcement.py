"""The credentials of a tenant that is served alone, shown to the person who started it."""

import sys


def show_credentials(url: str, secret: str | None) -> None:
    """Write the values for Entra's Provisioning page to standard error, not to the log."""
    shown = secret or "one of those in the tokens file"
    if not sys.stderr.isatty():
        sys.stderr.write(f"Tenant URL: {url}\nSecret Token: {shown}\n")
        return
    # Imported here since a pod has no terminal.
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, title="Entra: Provisioning, Admin Credentials")
    table.add_row("Tenant URL", url)
    table.add_row("Secret Token", shown)
    Console(stderr=True).print(table)
