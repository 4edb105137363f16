"""One peer in a process of its own: python3 peer.py KIND WORKLOAD SECONDS DATA [MEMORY_FORMAT]

It is pinned by its parent. It prints one JSON line when it is warm ({"first_step": seconds from the start of the process,
"steps": of a run, …}), and then, for each line that it reads, does a run of about SECONDS and prints its seconds per step.
A step is: gather the mini-batch of a shuffled epoch from data in memory, forward, backward, update.
"""

import functools
import json
import os
import resource
import sys
import time

STARTED = float(os.environ.get("BENCH_STARTED", time.time()))  # when the parent started this process
FIRST_COSTS = int(os.environ.get("BENCH_FIRST_COSTS", 1))  # steps whose mean cost is reported

import pathlib

import numpy as np

from workloads import WORKLOADS, Windows, fields_for_peers

THREADS = len(os.sched_getaffinity(0))


class ShuffledRows:
    """The row numbers of whole mini-batches for ever, a new permutation each epoch; drawn for many epochs at a time."""

    def __init__(self, examples, batch):
        self.random, self.batch = np.random.default_rng(1), batch
        self.epochs = np.tile(np.arange(examples), (-(-65536 // examples), 1))
        self.used = examples - examples % batch
        self.pool = np.empty((0, batch), np.int64)

    def take(self, count):
        """[count, batch]"""
        while len(self.pool) < count:
            drawn = self.random.permuted(self.epochs, axis=1)[:, : self.used].reshape(-1, self.batch)
            self.pool = np.concatenate((self.pool, drawn))
        rows, self.pool = self.pool[:count], self.pool[count:]
        return rows


def check_count(workload, found, expected):
    if found != expected:
        raise SystemExit(f"{workload.name}: this model has {found} parameters, not {expected}")


# ---- PyTorch ----------------------------------------------------------------------------------------------------------


def torch_field(examples, layout):
    """Something that gives a mini-batch when it is indexed by row numbers."""
    import torch

    if isinstance(examples, Windows):
        return torch.from_numpy(examples.tokens()).unfold(0, examples.length, 1)
    field = torch.from_numpy(examples)
    return field.contiguous(memory_format=layout) if field.dim() == 4 else field


def torch_runner(workload, fields, compiled, layout):
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    layout = getattr(torch, layout or "contiguous_format")
    model = workload.torch_model().to(memory_format=layout)
    check_count(workload, sum(p.numel() for p in model.parameters()), workload.parameters + workload.torch_extra)
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[workload.optimizer]
    optimizer = make(model.parameters(), lr=workload.rate, fused=True)
    examples = len(next(iter(fields.values())))
    fields = [torch_field(field, layout) for field in fields.values()]

    forward = functools.partial(workload.torch_cost, model)
    if compiled:
        forward = torch.compile(functools.partial(workload.torch_compiled_cost or workload.torch_cost, model))
    batches = ShuffledRows(examples, workload.batch)

    def run(steps):
        """The cost of the last step, and with JAX those of the last call."""
        for rows in torch.from_numpy(batches.take(steps)):
            optimizer.zero_grad()
            cost = forward(*(field[rows] for field in fields))
            cost.backward()
            optimizer.step()
        return [float(cost.detach())]

    return run


# ---- JAX --------------------------------------------------------------------------------------------------------------


def jax_update(workload, gathers):
    import jax
    import jax.numpy as jnp

    def sgd(params, state, gradient):
        return jax.tree.map(lambda p, g: p - workload.rate * g, params, gradient), state

    def adam(params, state, gradient, beta1=0.9, beta2=0.999, epsilon=1e-8):
        m, v, step = state
        step = step + 1
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, gradient)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, gradient)
        scale, root = workload.rate / (1 - beta1**step), jnp.sqrt(1 - beta2**step)
        params = jax.tree.map(lambda p, m, v: p - scale * m / (jnp.sqrt(v) / root + epsilon), params, m, v)
        return params, (m, v, step)

    update = {"sgd": sgd, "adam": adam}[workload.optimizer]

    def step(carry, fields, rows):
        params, state, statistics = carry
        batch = [gather(field, rows) for gather, field in zip(gathers, fields)]
        (value, statistics), gradient = jax.value_and_grad(workload.jax_cost, has_aux=True)(params, statistics, *batch)
        return (*update(params, state, gradient), statistics), value

    def start():
        params = jax.tree.map(jnp.asarray, workload.jax_parameters(np.random.default_rng(1)))
        check_count(workload, sum(p.size for p in jax.tree.leaves(params)), workload.parameters)
        zeros = lambda: jax.tree.map(jnp.zeros_like, params)
        state = (zeros(), zeros(), jnp.zeros((), jnp.float32)) if workload.optimizer == "adam" else ()
        return params, state, jax.tree.map(jnp.asarray, workload.jax_statistics())

    return step, start


def jax_field(examples, order):
    """(what lies in memory, how a mini-batch is gathered from it)"""
    import jax.numpy as jnp

    if isinstance(examples, Windows):
        return jnp.asarray(examples.tokens(), jnp.int32), lambda text, rows: text[rows[:, None] + jnp.arange(examples.length)]
    return jnp.asarray(np.transpose(examples, order) if order else examples), lambda field, rows: field[rows]


def jax_runner(workload, fields, scanned, seconds):
    import jax
    import jax.numpy as jnp

    examples = len(next(iter(fields.values())))
    fields, gathers = zip(*(jax_field(field, workload.jax_transposed.get(name)) for name, field in fields.items()))
    step, start = jax_update(workload, gathers)
    batches = ShuffledRows(examples, workload.batch)
    carry = start()
    chunk = 1

    if scanned:
        # Steps of a scan: many, but no more than half a run at 20 GFLOP/s.
        chunk = int(max(2, min(4096, seconds / 2 * 20e9 / workload.operations)))

        def many(carry, fields, rows):
            return jax.lax.scan(lambda carry, row: step(carry, fields, row), carry, rows)

        function = jax.jit(many, donate_argnums=0)
    else:
        function = jax.jit(step, donate_argnums=0)

    def run(steps):
        nonlocal carry
        rows = batches.take(-(-steps // chunk) * chunk).astype(np.int32)
        for rows in rows.reshape(-1, chunk, workload.batch) if scanned else rows:
            carry, cost = function(carry, fields, rows)
        return np.asarray(cost).reshape(-1)

    run.chunk = chunk
    return run


KINDS = {
    "torch": lambda workload, fields, seconds, layout: torch_runner(workload, fields, False, layout),
    "torch.compile": lambda workload, fields, seconds, layout: torch_runner(workload, fields, True, layout),
    "jax": lambda workload, fields, seconds, layout: jax_runner(workload, fields, False, seconds),
    "jax.scan": lambda workload, fields, seconds, layout: jax_runner(workload, fields, True, seconds),
}


def main():
    kind, name, seconds, data, *layout = sys.argv[1:]
    workload, seconds = WORKLOADS[name], float(seconds)
    folder = pathlib.Path(data)
    real = lambda file: folder / file if data and (folder / file).exists() else None
    run = KINDS[kind](workload, fields_for_peers(workload, real), seconds, *(layout or [""]))
    chunk = getattr(run, "chunk", 1)
    costs = list(run(chunk))
    first = time.time() - STARTED
    while len(costs) < FIRST_COSTS and time.time() - STARTED < first + 10 * seconds:
        costs += list(run(chunk))
    steps = chunk
    while True:  # double until a run is long enough to be scaled
        begin = time.perf_counter()
        run(steps)
        taken = time.perf_counter() - begin
        if taken > seconds / 4:
            break
        steps *= 2
    steps = max(1, round(steps * seconds / taken / chunk)) * chunk
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    first_cost = float(np.mean(costs[:FIRST_COSTS]))
    facts = {"first_step": first, "steps": steps, "first_cost": first_cost, "format": "".join(layout), "peak_bytes": peak}
    print(json.dumps(facts), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        run(steps)
        print(json.dumps((time.perf_counter() - begin) / steps), flush=True)


if __name__ == "__main__":
    main()
