"""
  Add users 
  and more
"""
revision = "a1"
down_revision = None
