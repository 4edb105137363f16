"""One peer in a process of its own: python3 peer.py KIND WORKLOAD SECONDS DATA

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

import pathlib

import numpy as np

from workloads import WORKLOADS, fields_for_peers

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


def torch_runner(workload, fields, compiled):
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    model = workload.torch_model()
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[workload.optimizer]
    optimizer = make(model.parameters(), lr=workload.rate, fused=True)
    fields = [torch.from_numpy(array) for array in fields]

    forward = functools.partial(workload.torch_cost, model)
    if compiled:
        forward = torch.compile(functools.partial(workload.torch_compiled_cost or workload.torch_cost, model))
    batches = ShuffledRows(len(fields[0]), workload.batch)

    def run(steps):
        for rows in torch.from_numpy(batches.take(steps)):
            optimizer.zero_grad()
            cost = forward(*(field[rows] for field in fields))
            cost.backward()
            optimizer.step()
        return float(cost.detach())

    return run, {"version": torch.__version__}


def jax_update(workload):
    import jax
    import jax.numpy as jnp

    def cost(params, rows):
        return jax.vmap(workload.jax_cost, in_axes=(None,) + (0,) * len(rows))(params, *rows).mean()

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
        params, state = carry
        value, gradient = jax.value_and_grad(cost)(params, [field[rows] for field in fields])
        return update(params, state, gradient), value

    def start():
        params = jax.tree.map(jnp.asarray, workload.jax_parameters(np.random.default_rng(1)))
        zeros = lambda: jax.tree.map(jnp.zeros_like, params)
        return params, ((zeros(), zeros(), jnp.zeros((), jnp.float32)) if workload.optimizer == "adam" else ())

    return step, start


def jax_runner(workload, fields, scanned):
    import jax
    import jax.numpy as jnp

    step, start = jax_update(workload)
    fields = [jnp.asarray(array) for array in fields]
    batches = ShuffledRows(len(fields[0]), workload.batch)
    carry = start()
    chunk = 1

    if scanned:
        chunk = 64 if workload.operations > 1e5 else 4096

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
        return float(jnp.asarray(cost).reshape(-1)[-1])

    run.chunk = chunk
    return run, {"version": jax.__version__}


KINDS = {
    "torch": lambda workload, fields: torch_runner(workload, fields, compiled=False),
    "torch.compile": lambda workload, fields: torch_runner(workload, fields, compiled=True),
    "jax": lambda workload, fields: jax_runner(workload, fields, scanned=False),
    "jax.scan": lambda workload, fields: jax_runner(workload, fields, scanned=True),
}


def main():
    kind, name, seconds, data = sys.argv[1:]
    workload = WORKLOADS[name]
    folder = pathlib.Path(data)
    real = lambda file: folder / file if data and (folder / file).exists() else None
    run, facts = KINDS[kind](workload, fields_for_peers(workload, real))
    chunk = getattr(run, "chunk", 1)
    run(chunk)
    first = time.time() - STARTED
    steps = 2 * chunk
    while True:  # double until a run is long enough to be scaled
        begin = time.perf_counter()
        cost = run(steps)
        taken = time.perf_counter() - begin
        if taken > float(seconds) / 4:
            break
        steps *= 2
    steps = max(chunk, round(steps * float(seconds) / taken / chunk) * chunk)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"first_step": first, "steps": steps, "cost": cost, "peak_bytes": peak, **facts}), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        run(steps)
        print(json.dumps((time.perf_counter() - begin) / steps), flush=True)


if __name__ == "__main__":
    main()
