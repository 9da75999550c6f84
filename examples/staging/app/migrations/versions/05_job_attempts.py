"""How often a job was tried."""

from alembic import op
import sqlalchemy as sa

revision = "5a60b3d7c912"
down_revision = "4d9e2f1b8c30"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("attempts", sa.Integer, server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("jobs", "attempts")
