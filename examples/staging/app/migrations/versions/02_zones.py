"""Zones: the geometry table."""

from alembic import op
import sqlalchemy as sa
from geoalchemy2 import Geometry

revision = "2b7d90c3e4f5"
down_revision = "1f0c5a7e9b21"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "zones",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("owner_id", sa.Integer, sa.ForeignKey("users.id", ondelete="SET NULL")),
        # GeoAlchemy2 adds the GiST index of the column by itself.
        sa.Column("geom", Geometry("MULTIPOLYGON", srid=4326), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("zones")
