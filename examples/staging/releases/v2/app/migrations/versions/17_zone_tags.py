"""Tags of a zone."""

from alembic import op
import sqlalchemy as sa

revision = "174fb592e380"
down_revision = "063ea481d27f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "zone_tags",
        sa.Column("zone_id", sa.Integer, sa.ForeignKey("zones.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tag", sa.String(40), primary_key=True),
    )


def downgrade() -> None:
    op.drop_table("zone_tags")
