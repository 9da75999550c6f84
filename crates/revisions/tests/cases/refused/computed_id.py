from base import *

down_revision = None
