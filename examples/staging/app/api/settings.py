"""Settings from the environment."""

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url

RELEASE = os.environ.get("RELEASE", "dev")
REDIS_URL = os.environ.get("REDIS_URL", "redis://redis:6379/0")
# Seconds between SIGTERM and the end, in which requests are still answered: the proxy needs a moment to
# notice that this replica is leaving.
DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS", "3"))


def database_url() -> URL:
    """DATABASE_URL; a password that it lacks comes from PGPASSWORD or from the file of a Docker secret."""
    url = make_url(os.environ["DATABASE_URL"])
    secret = os.environ.get("POSTGRES_PASSWORD_FILE")
    if url.password is None and secret:
        url = url.set(password=Path(secret).read_text().rstrip("\n"))
    return url
