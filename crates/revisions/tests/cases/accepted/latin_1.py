# -*- coding: latin-1 -*-
"""Straße"""
revision = "a1"
down_revision = None
