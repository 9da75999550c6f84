"""Three zones to start with."""

from alembic import op
import sqlalchemy as sa

ZONES = ("Old Harbour", "North Meadow", "Tide Flats")

revision = "9f07b61c3e58"
down_revision = "8c52e7a0d9b3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for number, name in enumerate(ZONES):
        west, south = 10 + number, 53
        op.execute(
            sa.text(
                "INSERT INTO zones (name, geom) VALUES (:name, ST_Multi(ST_MakeEnvelope("
                " CAST(:west AS float8), CAST(:south AS float8),"
                " CAST(:west AS float8) + 0.5, CAST(:south AS float8) + 0.5, 4326)))"
            ).bindparams(name=name, west=west, south=south)
        )


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM zones WHERE name = ANY(:names)").bindparams(names=list(ZONES)))
