"""The slug is required, and one of a kind."""

from alembic import op

revision = "b1e95f3c8d2a"
down_revision = "a0d84e2b7c19"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("zones", "slug", nullable=False)
    op.create_unique_constraint("zones_slug_key", "zones", ["slug"])


def downgrade() -> None:
    op.drop_constraint("zones_slug_key", "zones")
    op.alter_column("zones", "slug", nullable=True)
