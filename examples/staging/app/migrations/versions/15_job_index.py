"""The worker looks for jobs that are not finished."""

from alembic import op
import sqlalchemy as sa

revision = "f52d9370c16e"
down_revision = "e41c826fb05d"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("jobs_open", "jobs", ["created_at"], postgresql_where=sa.text("finished_at IS NULL"))


def downgrade() -> None:
    op.drop_index("jobs_open")
