"""The connection pool that the API and the worker share."""

from sqlalchemy import create_engine

from api.settings import database_url

engine = create_engine(database_url(), pool_size=4, max_overflow=4, pool_pre_ping=True, pool_timeout=5)
