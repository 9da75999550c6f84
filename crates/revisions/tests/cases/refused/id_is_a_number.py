revision = 1234
down_revision = None
