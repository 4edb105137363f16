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


class Peaks:
    """What probe.cpp measures here and now: fma[threads] in GFLOP/s and triad[threads] in GB/s."""

    def __init__(self, folder, thread_counts):
        probe = folder / "probe"
        subprocess.run(["g++", "-O3", "-march=native", "-pthread", HERE / "probe.cpp", "-o", probe], check=True)
        measure = lambda what, threads: float(subprocess.check_output([probe, what, str(threads)], **pinned(threads)))
        self.fma = {threads: measure("fma", threads) for threads in thread_counts}
        self.triad = {threads: measure("triad", threads) for threads in thread_counts}

    def bound(self, workload, threads):
        """Seconds that a step takes at least: its products at the peak, or what its optimizer moves at the memory's speed."""
        return max(workload.operations / (self.fma[threads] * 1e9), workload.compulsory_bytes() / (self.triad[threads] * 1e9))

    def __str__(self):
        return ", ".join(f"{self.fma[t]:.0f} GFLOP/s and {self.triad[t]:.1f} GB/s on {t}" for t in self.fma)


def installed(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
