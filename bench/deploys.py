"""Deploys of a stack of 50 services on a private engine, beside `docker stack deploy`, attached and detached."""
import pathlib
import statistics
import subprocess
import tempfile
import time

from measure import compare, engine, seconds_since_epoch

NUMBER = 50
MONITOR = 3


def stack_file(folder, values):
    """50 services of one task each; `values` is what each has in its environment."""
    services = "".join(
        f"  s{index}: {{ image: 'sleeper:1', networks: [back], stop_grace_period: 0s, environment: {{ A: '{value}' }}, "
        f"deploy: {{ update_config: {{ monitor: {MONITOR}s }} }} }}\n"
        for index, value in enumerate(values)
    )
    (folder / "stack.yml").write_text(f"version: '3.8'\nservices:\n{services}networks: {{ back: {{}} }}\n")


class Changes:
    """Deploys of changed stack files, on stacks of the same kind, one beside the other."""

    def __init__(self, tidegate, engine, folder):
        options = ["-c", "stack.yml", "--resolve-image", "never"]
        stock = ["docker", "stack", "deploy", *options]
        self.commands = {
            "ours": [tidegate, "deploy", *options, "ours"],
            "attached": [*stock, "--detach=false", "attached"],
            "detached": [*stock, "--detach=true", "detached"],
        }
        self.engine, self.folder = engine, folder
        self.values = ["0"] * NUMBER

    def deploy(self, name):
        """How long the command takes, how long it is until Swarm itself has done, and how long after the last task's
        monitor period the command ends; in seconds."""
        begun = time.time()
        done = subprocess.run(
            self.commands[name], cwd=self.folder, env=self.engine.environment, capture_output=True, text=True
        )
        ended = time.time()
        if done.returncode:
            raise SystemExit(f"{self.commands[name]}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        self.engine.settled(name)
        settled = time.time()
        tasks = [task for task in self.engine.of_stack("tasks", name) if task["DesiredState"] == "running"]
        up = max(seconds_since_epoch(task["Status"]["Timestamp"]) for task in tasks)
        return ended - begun, settled - begun, ended - (up + MONITOR)

    def create(self):
        """The stacks, for the first time. Attached, the stock client takes a monitor period for each service: not here."""
        for name in self.commands:
            command = self.commands["detached"][:-1] + [name] if name == "attached" else self.commands[name]
            subprocess.run(command, cwd=self.folder, env=self.engine.environment, check=True, capture_output=True)
            self.engine.settled(name)

    def measure(self, what, runs, change):
        """One row: `change` makes the next values of the last ones."""
        figures = {name: [] for name in self.commands}
        for number in range(runs):
            self.values = change(self.values, str(number))
            stack_file(self.folder, self.values)
            for name, list_ in figures.items():
                list_.append(self.deploy(name))
        medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
        (ours, _, late), attached, detached = medians["ours"], medians["attached"][0], medians["detached"]
        print(
            f"{what:44} {ours:6.1f} s; docker stack deploy --detach=false {attached:6.1f} s ({attached / ours:.2f}x), "
            f"detached {detached[0]:.1f} s and done after {detached[1]:.1f} s ({detached[1] / ours:.2f}x); "
            f"ends {late:.2f} s after the last monitor period, at most {max(row[2] for row in figures['ours']):.2f} s",
            flush=True,
        )


def deploys(tidegate, runs, changed_runs):
    """50 services, deployed again unchanged, with one changed, and with all changed."""
    with tempfile.TemporaryDirectory() as temporary, engine() as private:
        folder = pathlib.Path(temporary)
        private.import_sleepers(["sleeper:1"])
        changes = Changes(tidegate, private, folder)
        stack_file(folder, changes.values)
        changes.create()
        ours, theirs = changes.commands["ours"], changes.commands["detached"]
        compare("deploy 50 services again, unchanged", ours, theirs, runs, folder, private.environment)
        private.settled("detached")
        one = lambda values, mark: [f"one-{mark}", *values[1:]]
        every = lambda values, mark: [f"all-{mark}"] * NUMBER
        changes.measure("deploy 50 services, one changed", changed_runs, one)
        changes.measure("deploy 50 services, all changed", changed_runs, every)
