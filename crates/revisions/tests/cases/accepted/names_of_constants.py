PREFIX = "a"
PARENTS = ("b1",)
revision = PREFIX + "1"
down_revision = PARENTS + ("c1",)
depends_on = [*PARENTS]
