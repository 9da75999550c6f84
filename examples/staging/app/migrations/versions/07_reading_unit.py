"""A reading has a unit."""

from alembic import op
import sqlalchemy as sa

revision = "7b3d5c8e1f46"
down_revision = "6e18f4a92d05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("readings", sa.Column("unit", sa.String(12), server_default="mm", nullable=False))


def downgrade() -> None:
    op.drop_column("readings", "unit")
