"""Tells Tidegate what Alembic does. Loaded by Python itself at its start, from PYTHONPATH; changes nothing of the project.

When (and only when) Alembic's migration module is imported, this connects to the socket that Tidegate listens on. From
then on the process lives no longer than Tidegate: a migration without its lock must not go on.
"""

import os
import sys


def _next_sitecustomize(own):
    """Another sitecustomize (Debian ships one) that this file hides."""
    path, module = sys.path[:], sys.modules.pop("sitecustomize", None)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != own]
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        if module is not None:
            sys.modules["sitecustomize"] = module
    finally:
        sys.path[:] = path


class _Bridge(object):
    def __init__(self, address):
        import json
        import socket

        try:
            import _thread
        except ImportError:
            import thread as _thread
        self.json = json
        self.revision = None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(address)
        except (OSError, IOError) as error:
            import errno

            if error.errno in (errno.EACCES, errno.EPERM):
                # The command has changed its user: it goes on unwatched, and its sessions are marked all the same.
                return
            sys.stderr.write("tidegate is gone: this run must not go on\n")
            sys.stderr.flush()
            os._exit(70)
        _thread.start_new_thread(self._watch, ())

    def _watch(self):
        import signal
        import time

        try:
            while self.socket.recv(1):
                pass
        except (OSError, IOError):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(2)
        os._exit(70)

    def say(self, kind, **values):
        values["kind"] = kind
        try:
            self.socket.sendall(self.json.dumps(values).encode("ascii") + b"\n")
        except (OSError, IOError):
            pass

    def failed(self, error):
        original = getattr(error, "orig", None) or error
        state = getattr(original, "pgcode", None) or getattr(original, "sqlstate", None)
        statement = getattr(error, "statement", None)
        self.say(
            "error",
            revision=self.revision,
            type=type(error).__name__,
            text=str(original)[:2000],
            sqlstate=state if isinstance(state, str) else None,
            statement=str(statement)[:2000] if statement else None,
        )


def _instrument(module, bridge):
    import time

    context_class = module.MigrationContext
    run_migrations = context_class.run_migrations

    def watched(self, *args, **kwargs):
        steps = self._migrations_fn
        if steps is None or getattr(self, "as_sql", False):
            return run_migrations(self, *args, **kwargs)
        bridge.say(
            "configured",
            table=getattr(self, "version_table", None),
            schema=getattr(self, "version_table_schema", None),
            external=bool(getattr(self, "_in_external_transaction", False)),
        )

        def told(heads, context):
            for step in steps(heads, context):
                revision = getattr(getattr(step, "revision", None), "revision", None)
                bridge.revision, started = revision, time.time()
                if revision is not None:
                    bridge.say("start", revision=revision)
                yield step
                if revision is not None:
                    bridge.say("end", revision=revision, seconds=time.time() - started)
                bridge.revision = None

        self._migrations_fn = told
        try:
            return run_migrations(self, *args, **kwargs)
        except BaseException as error:
            bridge.failed(error)
            raise
        finally:
            self._migrations_fn = steps

    context_class.run_migrations = watched
    autocommit_block = getattr(context_class, "autocommit_block", None)
    if autocommit_block is not None:

        def noted(self, *args, **kwargs):
            bridge.say("autocommit", revision=bridge.revision)
            return autocommit_block(self, *args, **kwargs)

        context_class.autocommit_block = noted


def _mark_sessions():
    """Drivers that are not libpq's know nothing of PGAPPNAME and PGOPTIONS, and a URL may overrule them: then the
    session is marked here. Without its mark the fence could not end it."""
    name = os.environ.get("PGAPPNAME")
    settings = os.environ.get("TIDEGATE_SESSION", "")
    try:
        from sqlalchemy import event
        from sqlalchemy.pool import Pool
    except ImportError:
        return

    def name_of(connection):
        for owner in (connection, getattr(connection, "info", None)):
            for method in ("get_parameter_status", "parameter_status"):
                try:
                    return True, getattr(owner, method)("application_name")
                except Exception:
                    pass
        return False, None

    def mark(connection, record):
        libpq, present = name_of(connection)
        if not name or present == name:
            return
        wanted = [("application_name", name)]
        if not libpq:
            wanted += [pair.split("=", 1) for pair in settings.split(",") if "=" in pair]
        try:
            cursor = connection.cursor()
            for setting, value in wanted:
                cursor.execute("SET %s = '%s'" % (setting, value))
            cursor.close()
            connection.commit()
        except Exception as error:
            sys.stderr.write("tidegate: this session cannot be marked: %s\n" % (error,))

    event.listen(Pool, "connect", mark)


def _tell_scripts(module, bridge):
    """Tells what each revision file declares, as Python sees it: for values that the files compute."""

    def many(value):
        if value is None:
            return []
        return [value] if isinstance(value, str) else [item for item in value if item is not None]

    script_class = module.Script
    create = script_class.__init__

    def told(self, revision_module, rev_id, path, *args, **kwargs):
        bridge.say(
            "script",
            path=os.path.abspath(path),
            revision=rev_id,
            down_revision=many(getattr(revision_module, "down_revision", None)),
            depends_on=many(getattr(revision_module, "depends_on", None)),
            branch_labels=many(getattr(revision_module, "branch_labels", None)),
        )
        return create(self, revision_module, rev_id, path, *args, **kwargs)

    script_class.__init__ = told


class _Finder(object):
    """Finds Alembic's modules as Python would, and instruments them once they have been executed."""

    def __init__(self, address):
        self.address = address
        self.busy = False
        self.names = {"alembic.runtime.migration": self.migration}
        if os.environ.get("TIDEGATE_ANSWERS"):
            self.names = {"alembic.script.base": self.scripts}

    def migration(self, module):
        _instrument(module, _Bridge(self.address))
        _mark_sessions()

    def scripts(self, module):
        _tell_scripts(module, _Bridge(self.address))

    def find_spec(self, fullname, path=None, target=None):
        instrument = self.names.get(fullname)
        if instrument is None or self.busy:
            return None
        import importlib.util

        self.busy = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self.busy = False
        loader = getattr(spec, "loader", None)
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return spec

        def exec_module(module):
            execute(module)
            instrument(module)

        loader.exec_module = exec_module
        return spec


_address = os.environ.get("TIDEGATE_BRIDGE")
if _address:
    sys.meta_path.insert(0, _Finder(_address))
_next_sitecustomize(os.path.dirname(os.path.abspath(__file__)))
