"""When a job was finished."""

from alembic import op
import sqlalchemy as sa

revision = "e41c826fb05d"
down_revision = "d30b715eaf4c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("finished_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("jobs", "finished_at")
