"""One of two heads: notes on a zone."""

from alembic import op
import sqlalchemy as sa

revision = "396bd7b405a2"
down_revision = "174fb592e380"
branch_labels = ("notes",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "zone_notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("zone_id", sa.Integer, sa.ForeignKey("zones.id", ondelete="CASCADE"), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("zone_notes")
