"""Eight deployers of two releases at the same moment, again and again: Tidegate's and the stock client's. Neither of the two is
what runs, so that each of the eight has something to do."""
import collections
import pathlib
import subprocess
import tempfile

from measure import engine

DEPLOYERS = 8
SERVICES = ("one", "two", "three")


def stack_file(folder):
    """Three services, each after the one before it, of an image that names the release."""
    services = "".join(
        f"  {name}: {{ image: 'sleeper:${{RELEASE}}', stop_grace_period: 0s, depends_on: [{', '.join(SERVICES[:at][-1:])}], "
        "deploy: { replicas: 2, update_config: { parallelism: 1, monitor: 2s } } }\n"
        for at, name in enumerate(SERVICES)
    )
    (folder / "stack.yml").write_text(f"version: '3.8'\nservices:\n{services}")


def command(program, release, number, newest, stack):
    """A deployer's command line. The stock client has no idea of what is newer."""
    options = ["-c", "stack.yml", "--resolve-image", "never"]
    if program == "docker":
        return ["docker", "stack", "deploy", *options, stack]
    time = str(10 * number + newest)
    return [program, "deploy", *options, "--commit", f"{number}-{release}", "--commit-time", time, stack]


def round_of(program, number, stack, engine, folder):
    """How a round ended: the newer release, the deployers' exit codes and words, and the releases that then run."""
    # What runs, if the rounds before ended well.
    current = 2 * (number - 1) % 3
    older, newer = (str(1 + (current + step) % 3) for step in (1, 2))
    running = []
    for deployer in range(DEPLOYERS):
        newest = deployer % 2
        release = newer if newest else older
        environment = dict(engine.environment, RELEASE=release)
        words = command(program, release, number, newest, stack)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running.append(subprocess.Popen(words, cwd=folder, env=environment, **pipes))
    ended = [(deployer.communicate()[0], deployer.returncode) for deployer in running]
    images = {service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] for service in engine.settled(stack)}
    return newer, ended, {image.split("@")[0].rpartition(":")[2] for image in images}


def rivals(tidegate, rounds):
    """Two rows."""
    print(f"{DEPLOYERS} deployers of two releases at once, {rounds} rounds of each")
    with tempfile.TemporaryDirectory() as temporary, engine() as private:
        folder = pathlib.Path(temporary)
        private.import_sleepers(["sleeper:1", "sleeper:2", "sleeper:3"])
        stack_file(folder)
        for what, program, good in (("tidegate deploy", tidegate, (0, 13)), ("docker stack deploy", "docker", (0,))):
            count, stack = collections.Counter(), pathlib.Path(program).name
            first = dict(private.environment, RELEASE="1")
            subprocess.run(command(program, "1", 0, 0, stack), cwd=folder, env=first, check=True, capture_output=True)
            private.settled(stack)
            for number in range(1, rounds + 1):
                newer, ended, releases = round_of(program, number, stack, private, folder)
                count["processes"] += len(ended)
                count["failed"] += sum(code not in good for _, code in ended)
                count["yielded"] += sum(code == 13 for _, code in ended)
                count["out of sequence"] += sum("out of sequence" in text for text, _ in ended)
                count["torn"] += len(releases) > 1
                count["older over newer"] += len(releases) == 1 and newer not in releases
                for text, code in ended:
                    if program == tidegate and code not in good:
                        print(f"round {number}: exit code {code}\n{text}")
            print(
                f"{what:24} {count['failed']:3} of {count['processes']} processes failed "
                f"({count['out of sequence']} with \"update out of sequence\", {count['yielded']} gave way to a newer release), "
                f"{count['torn']} of {rounds} stacks torn, {count['older over newer']} with the older release",
                flush=True,
            )
