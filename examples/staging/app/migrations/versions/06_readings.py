"""The branch of the sensors: their readings."""

from alembic import op
import sqlalchemy as sa

revision = "6e18f4a92d05"
down_revision = "3c41a8f06d77"
branch_labels = ("telemetry",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "readings",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("zone_id", sa.Integer, sa.ForeignKey("zones.id", ondelete="CASCADE"), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("value", sa.Float, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("readings")
