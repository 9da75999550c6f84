"""A zone is of a kind."""

from alembic import op
import sqlalchemy as sa

revision = "3c41a8f06d77"
down_revision = "2b7d90c3e4f5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("zones", sa.Column("kind", sa.String(20), server_default="district", nullable=False))


def downgrade() -> None:
    op.drop_column("zones", "kind")
