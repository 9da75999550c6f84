"""Runs Python files as an import would: JSON list of texts on stdin, what each declares on stdout."""

import json
import sys

NAMES = ("revision", "down_revision", "depends_on", "branch_labels")


def as_list(value):
    """What Alembic makes of a declaration; nothing when it is no text and no list of texts."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, (tuple, list)) and all(isinstance(item, str) for item in value):
        return list(value)
    if isinstance(value, set) and all(isinstance(item, str) for item in value):
        return sorted(value)
    return None


def declares(text):
    module = {"__name__": "revision_file"}
    try:
        exec(compile(text, "revision_file.py", "exec"), module)
    except BaseException as error:
        return {"error": type(error).__name__}
    return {name: as_list(module[name]) for name in NAMES if name in module}


json.dump([declares(text) for text in json.load(sys.stdin)], sys.stdout)
