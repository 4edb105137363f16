"""The machine: cores to pin to, what it can do at most, and what is installed."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CORES = sorted(os.sched_getaffinity(0))


def pinned(threads):
    """subprocess options that keep a child on the first `threads` cores."""
    return {"preexec_fn": lambda: os.sched_setaffinity(0, CORES[:threads])}


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


class Probe:
    """What peaks.cpp measures here and now: fma(threads) in GFLOP/s and triad(threads) in GB/s."""

    def __init__(self, folder):
        self.program = folder / "probe"
        sources = [HERE / "probe.cpp", HERE / "peaks.cpp"]
        subprocess.run(["g++", "-O3", "-march=native", "-pthread", *sources, "-o", self.program], check=True)

    def measure(self, what, threads):
        return float(subprocess.check_output([self.program, what, str(threads)], **pinned(threads)))

    def fma(self, threads):
        return self.measure("fma", threads)

    def triad(self, threads):
        return self.measure("triad", threads)


def installed(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
