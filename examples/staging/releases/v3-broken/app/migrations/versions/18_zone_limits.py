"""Fails half way: its last statement finds rows that break the new rule."""

from alembic import op
import sqlalchemy as sa

revision = "285ac6a3f491"
down_revision = "174fb592e380"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "zone_limits",
        sa.Column("zone_id", sa.Integer, sa.ForeignKey("zones.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("people", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO zone_limits SELECT id, population FROM zones")
    op.execute("UPDATE zones SET population = population + 1")
    op.create_check_constraint("zones_population_check", "zones", "population > 1000000")


def downgrade() -> None:
    op.drop_constraint("zones_population_check", "zones")
    op.drop_table("zone_limits")
