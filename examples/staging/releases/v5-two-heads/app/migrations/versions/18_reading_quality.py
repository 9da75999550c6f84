"""The other of two heads: how good a reading is."""

from alembic import op
import sqlalchemy as sa

revision = "4a7ce8c516b3"
down_revision = "174fb592e380"
branch_labels = ("quality",)
depends_on = None


def upgrade() -> None:
    op.add_column("readings", sa.Column("quality", sa.SmallInteger))


def downgrade() -> None:
    op.drop_column("readings", "quality")
