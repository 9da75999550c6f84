"""What every part of the bench uses: whole commands timed, a table's row, and a private engine with its API."""
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def timed(command, cwd, environment):
    """One run of a command that must succeed: wall and CPU time in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall = (time.perf_counter() - begun) * 1000
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stderr.decode()}")
    return wall, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def compare(what, ours, theirs, runs, cwd, environment):
    """One row of the table: medians of runs in turn, so that both see the same machine; the first of each is not counted."""
    rows = {name: [] for name in ("ours", "theirs")}
    for _ in range(runs + 1):
        for name, command in (("ours", ours), ("theirs", theirs)):
            rows[name].append(timed(command, cwd, environment))
    (fast, fast_cpu), (slow, slow_cpu) = (
        [statistics.median(column) for column in zip(*rows[name][1:])] for name in ("ours", "theirs")
    )
    print(
        f"{what:44} {fast:8.1f} ms {slow:8.1f} ms {slow / fast:6.1f}x"
        f"   CPU {fast_cpu:7.1f} ms {slow_cpu:7.1f} ms {slow_cpu / max(fast_cpu, 0.1):6.1f}x",
        flush=True,
    )


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Engine:
    """A private engine."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = dict(os.environ, DOCKER_HOST=f"unix://{folder}/docker.sock")
        for name in ("DOCKER_CONTEXT", "GITHUB_ACTIONS"):
            self.environment.pop(name, None)

    def get(self, path):
        """An answer of the Engine API."""
        connection = Connection(f"{self.folder}/docker.sock")
        with contextlib.closing(connection):
            connection.request("GET", "/v1.41" + path)
            answer = connection.getresponse()
            return json.loads(answer.read())

    def of_stack(self, kind, stack):
        """The services or tasks of a stack."""
        label = f"com.docker.stack.namespace={stack}"
        filters = json.dumps({"label": [label]})
        return self.get(f"/{kind}?filters={filters.replace(' ', '')}")

    def docker(self, *arguments):
        return subprocess.run(
            ["docker", *arguments], env=self.environment, check=True, capture_output=True, text=True
        ).stdout

    def inside(self, *command):
        """A command in the engine's network namespace."""
        return [str(ROOT / "scripts/engine"), "exec", str(self.folder), *map(str, command)]

    def remove(self, stack):
        """Removes a stack, and waits until its containers and volumes are gone."""
        label = f"label=com.docker.stack.namespace={stack}"
        end = time.monotonic() + 120
        while self.docker("ps", "-aq", "--filter", label) or self.docker("network", "ls", "-q", "--filter", label):
            if time.monotonic() > end:
                raise SystemExit(f"stack {stack} was not gone within 120 s")
            # A network that still has a draining task fails the command; the next one removes it.
            subprocess.run(["docker", "stack", "rm", stack], env=self.environment, capture_output=True)
            time.sleep(1)
        for volume in self.docker("volume", "ls", "-q", "--filter", label).split():
            self.docker("volume", "rm", volume)

    def import_sleepers(self, names):
        """Images that have `sleep` and nothing else."""
        with tempfile.TemporaryDirectory() as folder:
            pack = 'tar -chf "$1" /bin/sleep $(ldd /bin/sleep | grep -o "/[^ ]*") 2>/dev/null'
            archive = f"{folder}/sleeper.tar"
            subprocess.run(["sh", "-c", pack, "sh", archive], check=True)
            for name in names:
                change = ["-c", 'CMD ["/bin/sleep", "100000"]', "-c", f"LABEL name={name}"]
                self.docker("import", *change, archive, name)

    def settled(self, stack, limit=300):
        """Waits until Swarm itself has nothing more to do for a stack; the services, as they then are."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            services, tasks = self.of_stack("services", stack), self.of_stack("tasks", stack)
            if services and all(is_settled(service, tasks) for service in services):
                return services
            time.sleep(0.1)
        raise SystemExit(f"stack {stack} was not settled within {limit} s")


def is_settled(service, tasks):
    """Whether Swarm updates a service no more and all of its tasks that are wanted run what it wants."""
    state = service.get("UpdateStatus", {}).get("State")
    if state in ("updating", "rollback_started"):
        return False
    if state in ("paused", "rollback_paused"):
        return True
    wanted = service["Spec"]["TaskTemplate"]["ContainerSpec"]
    own = [task for task in tasks if task["ServiceID"] == service["ID"]]
    if service["Spec"]["TaskTemplate"].get("RestartPolicy", {}).get("Condition") in ("none", "on-failure"):
        own = [task for task in own if task["Spec"]["ContainerSpec"] == wanted]
        return any(task["Status"]["State"] in ("complete", "running") for task in own)
    up = [task for task in own if task["DesiredState"] == "running" and task["Status"]["State"] == "running"]
    replicas = service["Spec"]["Mode"].get("Replicated", {}).get("Replicas", 1)
    return len(up) == replicas and all(task["Spec"]["ContainerSpec"] == wanted for task in up)


def seconds_since_epoch(timestamp):
    """A timestamp of the Engine API, which has nanoseconds."""
    whole, _, fraction = timestamp.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float(f"0.{fraction or 0}")


@contextlib.contextmanager
def engine():
    """An engine that lives as long as this."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as temporary:
        folder = pathlib.Path(temporary) / "engine"
        subprocess.run([ROOT / "scripts/engine", "up", folder], check=True, stderr=subprocess.DEVNULL)
        try:
            yield Engine(folder)
        finally:
            subprocess.run([ROOT / "scripts/engine", "down", folder], stderr=subprocess.DEVNULL)
