"""A view with the area of each zone."""

from alembic import op

revision = "d30b715eaf4c"
down_revision = "c2fa604d9e3b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE VIEW zone_area AS"
        " SELECT id AS zone_id, ST_Area(geom::geography) / 1e6 AS square_kilometres FROM zones"
    )


def downgrade() -> None:
    op.execute("DROP VIEW zone_area")
