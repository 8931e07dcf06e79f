"""Settings that cannot be used, and the file with the URL of the database."""

from pathlib import Path


class SettingsError(Exception):
    """Settings that cannot be used; the message names the setting and the remedy."""


def read_database_url(path: Path) -> str:
    """Return the database URL that a file holds.

    Raises
    ------
    SettingsError
        The file cannot be read, or is not UTF-8. The message does not have the path, since it may
        be the URL itself, given by mistake.
    """
    where = "the file of --database-file (SCIM_DATABASE_URL_FILE)"
    try:
        return path.read_bytes().decode()
    except UnicodeError:
        raise SettingsError(f"{where} is not UTF-8; write the database URL into it") from None
    except OSError as error:
        raise SettingsError(
            f"{where} cannot be read: {error.strerror}; name a file that holds the database URL"
        ) from None
