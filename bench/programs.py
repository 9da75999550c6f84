"""Revisions and stack files: commands that need no engine, beside `alembic` and `docker stack config`."""
import contextlib
import os
import pathlib
import subprocess
import tempfile

from measure import compare

ENV_PY = """import os
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(os.environ["DATABASE_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def history(folder, number):
    """A project of `number` revisions in a row."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (folder / "migrations" / "env.py").write_text(ENV_PY)
    parent = None
    for index in range(number):
        name = f"{index:012x}"
        body = "\n".join(f"    op.execute('SELECT {line}')" for line in range(20))
        (versions / f"{name}_step.py").write_text(
            f'"""Step {index}."""\nfrom alembic import op\nrevision = {name!r}\ndown_revision = {parent!r}\n\n\n'
            f"def upgrade():\n{body}\n\n\ndef downgrade():\n{body}\n"
        )
        parent = name
    return parent


@contextlib.contextmanager
def postgres(folder):
    """A private server on a socket and a loopback port, with the database `app`."""
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data, port = folder / "data", 54329
    owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if owner:
        subprocess.run(["chown", "postgres", folder], check=True)
        folder.chmod(0o755)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*owner, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust"], check=True, **quiet)
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder}"
    control = [*owner, programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-l", data / "log", "-o", options, "start"], check=True, **quiet)
    try:
        subprocess.run([programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "app"], check=True)
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/app"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


def histories(tidegate, alembic, runs):
    """Heads, and a migration with nothing to do, of histories of two sizes."""
    for number in (15, 1000):
        with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryDirectory() as server:
            folder = pathlib.Path(temporary)
            head = history(folder, number)
            environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PATH=f"{alembic.parent}:{os.environ['PATH']}")
            heads = [tidegate, "revisions", "heads", "--config", "alembic.ini"], [str(alembic), "heads"]
            compare(f"heads, {number} revisions", *heads, runs, folder, environment)
            with postgres(pathlib.Path(server)) as url:
                environment["DATABASE_URL"] = url
                subprocess.run([str(alembic), "stamp", head], cwd=folder, env=environment, check=True, capture_output=True)
                ours, theirs = [tidegate, "migrate"], [str(alembic), "upgrade", "head"]
                compare(f"migrate at head, {number} revisions", ours, theirs, runs, folder, environment)
            # With the bytecode that a first run of Python leaves where it may write.
            environment.pop("PYTHONDONTWRITEBYTECODE")
            compare(f"heads, {number} revisions, compiled", *heads, runs, folder, environment)


def stack_files(tidegate, runs):
    """A stack file of 500 services."""
    services = "".join(
        f"  s{index}:\n    image: app:1\n    environment: {{ A: '{index}', B: c }}\n    networks: [back]\n"
        f"    deploy: {{ replicas: 2, update_config: {{ order: start-first, monitor: 3s }} }}\n"
        for index in range(500)
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "stack.yml").write_text(f"version: '3.8'\nservices:\n{services}networks: {{ back: }}\n")
        ours, theirs = ([program, "stack", "config", "-c", "stack.yml"] for program in (tidegate, "docker"))
        compare("resolve a stack file of 500 services", ours, theirs, runs, folder, dict(os.environ))
