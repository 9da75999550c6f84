"""Add users

Revision ID: a1
"""
revision = "a1"
down_revision = None
branch_labels = None
depends_on = None
