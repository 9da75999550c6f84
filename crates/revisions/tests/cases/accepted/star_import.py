from models import *

revision = "a1"
down_revision = None
