revision = "a1"
down_revision = "b"
down_revision += "1"
