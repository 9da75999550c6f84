//! PostgreSQL: readiness, extensions, lock and fence, version table, and driving the project's own Alembic. Knows nothing of Swarm.
