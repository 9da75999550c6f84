"""A data migration: every zone gets a slug made from its name."""

from alembic import op
import sqlalchemy as sa

revision = "a0d84e2b7c19"
down_revision = "9f07b61c3e58"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("zones", sa.Column("slug", sa.String(140)))
    zones = sa.table("zones", sa.column("id", sa.Integer), sa.column("name", sa.String), sa.column("slug", sa.String))
    connection = op.get_bind()
    for row in connection.execute(sa.select(zones.c.id, zones.c.name)).all():
        slug = "-".join(row.name.lower().split()) + f"-{row.id}"
        connection.execute(zones.update().where(zones.c.id == row.id).values(slug=slug))


def downgrade() -> None:
    op.drop_column("zones", "slug")
