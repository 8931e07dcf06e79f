"""The program that renders migrations: ``python -m scim_service.store.migrations.render``.

With ``BACKEND FROM TO`` it prints the SQL from one revision (``base``: an empty database) to
another. It is a process of its own because Alembic would stay in the service's memory, for a task
of half a second.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config


def main(backend: str, start: str, end: str) -> None:
    """Print the SQL."""
    config = Config(output_buffer=sys.stdout)
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["backend"] = backend
    command.upgrade(config, f"{start}:{end}", sql=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
