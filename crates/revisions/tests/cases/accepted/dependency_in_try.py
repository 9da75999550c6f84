revision = "a1"
down_revision = "b1"
try:
    import other
    depends_on = ("c1",)
except ImportError:
    depends_on = None
