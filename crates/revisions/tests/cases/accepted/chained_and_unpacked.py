name = revision = "a1"
down_revision, depends_on = ("b1", "c1"), None
