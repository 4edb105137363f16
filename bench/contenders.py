"""Who is measured: a training program of ours, and peers that wait in a process of their own. Both give `facts` and `sample()`,
the seconds per step of one run; whatever goes wrong is a Failure, which names what did.
"""

import json
import os
import pathlib
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from machine import pinned

HERE = pathlib.Path(__file__).resolve().parent
FIRST_COSTS = 8  # steps whose mean cost is compared between contenders (two epochs of chain)
PATIENCE = 600  # seconds that a peer may take to warm up or to run


class Failure(Exception):
    pass


# A process takes over the peak memory of the one that it replaces, which here would be Python's: a shell between them is small.
SMALL_PARENT = ["sh", "-c", '"$@"; exit $?', "sh"]


def timed(command, **options):
    begin = time.perf_counter()
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(str(error)) from error
    return time.perf_counter() - begin


class Ours:
    """A training program compiled by nnc, started anew for each run."""

    name = "nnc"

    def __init__(self, nnc, workload, threads, seconds, folder, repetitions=3):
        self.folder, self.threads, self.program = folder, threads, folder / workload.name
        source = folder / f"{workload.name}.nn"
        shutil.copy(HERE / "models" / source.name, source)
        self.facts = {"format": ""}
        compile_command = [nnc, str(source), "-o", str(self.program)]
        self.facts["compile"] = statistics.median(
            timed(compile_command, env=self.cold(), cwd=folder) for _ in range(repetitions)
        )
        self.facts["program_bytes"] = self.program.stat().st_size
        # Jobs of one step: the program's start, and compiling in memory with everything that comes before the first step.
        one = ["--quiet", "--steps", "1", "--threads", str(threads)]
        self.facts["first_step"] = min(timed([self.program, *one], cwd=folder, **pinned(threads)) for _ in range(repetitions))
        in_memory = [nnc, "run", str(source), "--", *one]
        self.facts["run_first_step"] = min(timed(in_memory, env=self.cold(), cwd=folder) for _ in range(repetitions))
        self.check_start(workload)
        steps = 16 if workload.operations < 1e9 else 2
        while (taken := self.run(steps)["seconds"]) < seconds / 4:
            steps *= 4
        self.steps = max(1, round(steps * seconds / taken))

    def cold(self):
        """An environment in which the compiler finds none of its caches."""
        return {**os.environ, "XDG_CACHE_HOME": tempfile.mkdtemp(dir=self.folder)}

    def events(self, steps, *options):
        log = self.folder / "log.jsonl"
        command = [self.program, "--quiet", "--steps", str(steps), "--threads", str(self.threads), "--log", str(log), *options]
        timed([*SMALL_PARENT, *command], cwd=self.folder, **pinned(self.threads))
        return [json.loads(line) for line in log.read_text().splitlines()]

    def check_start(self, workload):
        start, *events = self.events(FIRST_COSTS, "--log-every", "1")
        if start["parameters"] != workload.parameters:
            raise Failure(f"the model has {start['parameters']} parameters, not {workload.parameters}")
        costs = [event["cost"] for event in events if event["event"] == "step"]
        if len(costs) != FIRST_COSTS:
            raise Failure(f"{len(costs)} step events instead of {FIRST_COSTS}")
        self.facts["first_cost"] = statistics.mean(costs)

    def run(self, steps):
        end = self.events(steps)[-1]
        if end["event"] != "end" or end["steps"] != steps:
            raise Failure(f"the last event is not the end of {steps} steps: {end}")
        self.facts["peak_bytes"] = end["peak_bytes"]
        return end

    def sample(self):
        return self.run(self.steps)["seconds"] / self.steps

    def close(self):
        pass


class Peer:
    """A peer in a process that waits on its standard input between runs (see peer.py)."""

    def __init__(self, name, workload, threads, seconds, data, layout=""):
        self.name = name
        environment = {
            **os.environ,
            "BENCH_STARTED": repr(time.time()),
            "BENCH_FIRST_COSTS": str(FIRST_COSTS),
            "OMP_NUM_THREADS": str(threads),
        }
        command = [sys.executable, HERE / "peer.py", name, workload.name, str(seconds), str(data or ""), layout]
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment,
            **pinned(threads)
        )  # fmt: skip
        try:
            self.facts = self.read()
        except Failure:
            self.close()
            raise

    def read(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        if not ready:
            raise Failure(f"no answer within {PATIENCE} s")
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.errors.seek(0)
            lines = [line for line in self.errors.read().splitlines() if line.strip()]
            raise Failure(f"the process ended with {code}: {lines[-1] if lines else 'without a message'}")
        return json.loads(line)

    def sample(self):
        try:
            self.process.stdin.write("go\n")
            self.process.stdin.flush()
        except OSError:
            pass  # read() says how the process ended
        return self.read()

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.errors.close()


def fastest_format(name, workload, threads, seconds, data):
    """The peer in that one of its memory formats in which it is faster here; the other is closed."""
    formats = workload.torch_formats if name.startswith("torch") else ("",)
    best, best_time = None, None
    for layout in formats:
        peer = Peer(name, workload, threads, seconds, data, layout)
        taken = min(peer.sample() for _ in range(2)) if len(formats) > 1 else 0.0
        if best is None or taken < best_time:
            best, peer, best_time = peer, best, taken
        if peer is not None:
            peer.close()
    return best
