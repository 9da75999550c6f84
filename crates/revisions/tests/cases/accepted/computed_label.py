from neutron.db import cli

revision = "a1"
down_revision = "b1"
branch_labels = (cli.EXPAND_BRANCH,)
