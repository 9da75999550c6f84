"""How many people live in a zone."""

from alembic import op
import sqlalchemy as sa

revision = "063ea481d27f"
down_revision = "f52d9370c16e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("zones", sa.Column("population", sa.Integer))
    op.execute("UPDATE zones SET population = 100 * id")


def downgrade() -> None:
    op.drop_column("zones", "population")
