import os

revision = "a1"
down_revision = os.environ["PARENT"]
