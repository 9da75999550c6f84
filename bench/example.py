"""The staging example from v1 to v2 under constant load, by Tidegate and by the stock client, with the founding system's
monitor period."""
import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import time

from measure import ROOT, engine, seconds_since_epoch

RATE = 50
MONITOR = 60
PORT = 18080
EXAMPLE = ROOT / "examples/staging"
OVERRIDE = "version: '3.8'\nservices:\n" + "".join(
    f"  {name}: {{ deploy: {{ update_config: {{ monitor: {MONITOR}s }} }} }}\n" for name in ("api", "worker", "beat")
)


def command(program, folder, stack):
    files = [EXAMPLE / "stack.yml", folder / "monitor.yml"]
    if program == "docker":
        files.insert(1, EXAMPLE / "stack.stock.yml")
        head = ["docker", "stack", "deploy", "--detach=true"]
    else:
        head = [program, "deploy"]
    return [*head, "--resolve-image", "never", *(word for file in files for word in ("-c", str(file))), stack]


def version(private):
    """What the API says of itself."""
    done = subprocess.run(private.inside("curl", "-s", "-m", "5", f"http://127.0.0.1:{PORT}/version"), capture_output=True)
    try:
        return json.loads(done.stdout).get("release")
    except ValueError:
        return None


def deploy(program, release, private, folder, stack):
    environment = dict(private.environment, RELEASE=release, POSTGRES_PASSWORD="bench", API_PORT=str(PORT))
    done = subprocess.run(command(program, folder, stack), env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{program}, {release}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def run(program, private, folder, stack):
    """From v1 to v2: seconds until the command has ended, until Swarm has done, until the new tasks were all up (the last
    one's start), and what the load counted."""
    private.remove(stack)
    deploy(program, "v1", private, folder, stack)
    private.settled(stack)
    while version(private) != "v1":
        time.sleep(0.5)
    urls = [f"http://127.0.0.1:{PORT}{path}" for path in ("/zones", "/version")]
    load = subprocess.Popen(private.inside(ROOT / "scripts/load", "--rate", RATE, *urls), stdout=subprocess.PIPE)
    time.sleep(1)
    begun = time.time()
    deploy(program, "v2", private, folder, stack)
    ended = time.time()
    services = private.settled(stack)
    settled = time.time()
    time.sleep(1)
    load.send_signal(signal.SIGTERM)
    counted = json.loads(load.communicate()[0])
    if version(private) != "v2":
        raise SystemExit(f"{program}: the API does not say that it is v2")
    new = {service["ID"] for service in services if service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"].endswith(":v2")}
    tasks = [task for task in private.of_stack("tasks", stack) if task["ServiceID"] in new]
    up = max(seconds_since_epoch(task["Status"]["Timestamp"]) for task in tasks if task["Status"]["State"] == "running")
    gates = [task for task in tasks if task["Status"]["State"] == "complete" and seconds_since_epoch(task["CreatedAt"]) > begun]
    gate = max(seconds_since_epoch(task["Status"]["Timestamp"]) for task in gates) - begun
    return ended - begun, settled - begun, up - begun, gate, counted


def example(tidegate, runs):
    """Two rows, and the limit."""
    print(f"the staging example, v1 to v2, monitor {MONITOR} s, {RATE} requests a second, median of {runs}")
    with tempfile.TemporaryDirectory() as temporary, engine() as private:
        folder = pathlib.Path(temporary)
        (folder / "monitor.yml").write_text(OVERRIDE)
        build = [EXAMPLE / "build-images", "--tidegate", tidegate, "--only", "v1", "--only", "v2"]
        subprocess.run(build, env=private.environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        figures = {name: [] for name in (tidegate, "docker")}
        for _ in range(runs):
            for program, rows in figures.items():
                rows.append(run(program, private, folder, pathlib.Path(program).name))
                private.remove(pathlib.Path(program).name)
        for program, rows in figures.items():
            ended, settled, up, gate = (statistics.median(column) for column in zip(*(row[:4] for row in rows)))
            requests, failed = (sum(row[4][key] for row in rows) for key in ("requests", "failed"))
            print(
                f"{pathlib.Path(program).name:10} command ended after {ended:.1f} s, Swarm was done after {settled:.1f} s; "
                f"the migration was over after {gate:.1f} s, the last new task up after {up:.1f} s, and with the monitor period "
                f"that makes {up + MONITOR:.1f} s; {failed} of {requests} requests failed",
                flush=True,
            )
