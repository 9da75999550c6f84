"""An index that is built while readers and writers go on."""

from alembic import op

revision = "c2fa604d9e3b"
down_revision = "b1e95f3c8d2a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "readings_zone_taken", "readings", ["zone_id", "taken_at"],
            postgresql_concurrently=True, if_not_exists=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("readings_zone_taken", postgresql_concurrently=True, if_exists=True)
