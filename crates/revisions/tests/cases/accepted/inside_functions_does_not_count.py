revision = "a1"
down_revision = "b1"


def upgrade():
    revision = "other"


class Helper:
    down_revision = "other"
