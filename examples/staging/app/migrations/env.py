"""Runs the revisions against the database that DATABASE_URL names."""

from logging.config import fileConfig

import geoalchemy2  # noqa: F401  (registers the geometry type)
from alembic import context
from sqlalchemy import create_engine, pool

from api.models import Base
from api.settings import database_url

config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name)


def run_offline() -> None:
    context.configure(url=database_url(), target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    engine = create_engine(database_url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
