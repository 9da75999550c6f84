revision = "a1"
down_revision = "b1"
for depends_on in ["x", "y"]:
    pass
with open("f") as branch_labels:
    pass
