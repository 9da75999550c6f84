//! Alembic revision files to graph, targets and plans. Starts no Python, opens no database.
