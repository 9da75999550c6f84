revision = "a1"
# ÿþ
down_revision = None
