revision = "x"
down_revision = "y"
if True:
    revision = "z"
revision = "a1"
down_revision = "b1"
