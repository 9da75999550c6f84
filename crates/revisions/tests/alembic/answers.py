"""Asks the real Alembic about revision graphs: JSON on stdin, the same JSON with its answers on stdout.

Each graph: {"files": [{"file", "revision", "down_revision", "depends_on", "branch_labels"}],
"targets": [...], "questions": [{"cmd", "rows", "target"}]}. The answers have the shape of cases/graphs.json.
"""

import json
import pathlib
import signal
import sys
import tempfile
import warnings

import sqlalchemy
from alembic.runtime.migration import HeadMaintainer
from alembic.script import ScriptDirectory


class Impl:
    def _exec(self, *args, **kwargs):
        return None


class Context:
    """As much of a migration context as the bookkeeping of rows needs."""

    as_sql = True
    impl = Impl()
    version_table = "alembic_version"
    _version = sqlalchemy.Table(
        "alembic_version", sqlalchemy.MetaData(), sqlalchemy.Column("version_num", sqlalchemy.String(32))
    )


def too_long(signum, frame):
    raise TimeoutError("no answer")


def guarded(ask):
    signal.alarm(10)
    try:
        return ask()
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}
    finally:
        signal.alarm(0)


def names(value):
    """Nothing, one name, or a tuple, as a person writes it."""
    if not value:
        return None
    return value[0] if len(value) == 1 else tuple(value)


def write(folder, entry):
    lines = [f'"""{entry["revision"]}"""', f"revision = {entry['revision']!r}"]
    for name in ("down_revision", "depends_on", "branch_labels"):
        lines.append(f"{name} = {names(entry[name])!r}")
    lines += ["def upgrade():", "    pass", "def downgrade():", "    pass"]
    (folder / entry["file"]).write_text("\n".join(lines) + "\n")


def plan(script, question):
    rows, target = tuple(question["rows"]), question["target"]
    collect = script._upgrade_revs if question["cmd"] == "upgrade" else script._downgrade_revs
    maintainer = HeadMaintainer(Context(), rows)
    steps = []
    for step in collect(target, rows):
        maintainer.update_to_step(step)
        steps.append({"rev": step.revision.revision, "rows": sorted(maintainer.heads)})
    return {"steps": steps}


def answer(graph, folder):
    for entry in graph["files"]:
        write(folder, entry)
    script = ScriptDirectory(str(folder), version_locations=[str(folder)])
    map_ = script.revision_map
    loaded = guarded(lambda: map_.heads)
    if isinstance(loaded, dict):
        graph["load"] = loaded
        return
    graph["load"] = "ok"
    graph["heads"], graph["real_heads"] = list(map_.heads), list(map_._real_heads)
    graph["bases"], graph["real_bases"] = list(map_.bases), list(map_._real_bases)
    revisions = {entry["revision"]: script.get_revision(entry["revision"]) for entry in graph["files"]}
    graph["branch_labels"] = {id_: sorted(r.branch_labels) for id_, r in revisions.items()}
    graph["normalized_down"] = {id_: list(r._normalized_down_revisions) for id_, r in revisions.items()}
    graph["resolve"] = {
        target: guarded(lambda: [r.revision for r in script.get_revisions(target)])
        for target in graph.pop("targets")
    }
    graph["plans"] = [
        question | guarded(lambda: plan(script, question)) for question in graph.pop("questions")
    ]


def main():
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, too_long)
    graphs = json.load(sys.stdin)
    for graph in graphs:
        with tempfile.TemporaryDirectory() as folder:
            answer(graph, pathlib.Path(folder))
    json.dump(graphs, sys.stdout, indent=None, separators=(",", ":"))


if __name__ == "__main__":
    main()
