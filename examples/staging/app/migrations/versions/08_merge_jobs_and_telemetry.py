"""Merge the branches of the worker and the sensors."""

revision = "8c52e7a0d9b3"
down_revision = ("5a60b3d7c912", "7b3d5c8e1f46")
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
