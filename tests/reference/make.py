#!/usr/bin/env python3
"""Writes cases/FILE/CASE.{in,out}.safetensors: what other implementations make of the functions in FILE.nn.

    tests/reference/make.py [FILE[.CASE] …]        needs jax, torch, numpy and safetensors; the tests themselves do not

Every function of the .nn files stands here a second time, by JAX or, for what follows PyTorch by definition, by PyTorch. The
output holds the result and the gradient of the sum of all its elements with respect to every real input, computed in f64, in
the form that `nnc eval FILE.nn CASE --grad --real=f64` writes. CASE is the function's name, with a suffix after a dot where
there are several. Real inputs are numbers that f32 represents, so that one case serves both precisions.
"""

import pathlib
import sys
import zlib

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

import jax.numpy as jnp
import numpy as np
import torch
from jax.scipy.special import logsumexp
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent
CASES = {}  # (file, case) -> (framework, function, inputs)


# ---- inputs -----------------------------------------------------------------------------------------------------------


class Uniform:
    def __init__(self, *shape, low=-2.0, high=2.0):
        self.shape, self.low, self.high = shape, low, high

    def draw(self, random):
        return random.uniform(self.low, self.high, self.shape).astype(np.float32).astype(np.float64)


class Index:
    def __init__(self, n, *shape):
        self.n, self.shape = n, shape

    def draw(self, random):
        return random.integers(0, self.n, self.shape, dtype=np.int32)


class Flags:
    def __init__(self, *shape):
        self.shape = shape

    def draw(self, random):
        return random.random(self.shape) < 0.5


class Given:
    def __init__(self, values, dtype=np.float32):
        self.values = np.array(values, dtype)

    def draw(self, random):
        return self.values.astype(np.float64) if self.values.dtype == np.float32 else self.values


def positive(*shape, low=0.2, high=3.0):
    return Uniform(*shape, low=low, high=high)


U, I, B, V, P = Uniform, Index, Flags, Given, positive


def whole(values):
    return Given(values, np.int32)


def case(file, name, function, framework="jax", **inputs):
    assert (file, name) not in CASES, name
    CASES[file, name] = (framework, function, inputs)


def torch_case(file, name, function, **inputs):
    case(file, name, function, "torch", **inputs)


# ---- results and gradients --------------------------------------------------------------------------------------------


def by_jax(function, inputs):
    real = {name: value for name, value in inputs.items() if value.dtype == np.float64}
    rest = {name: value for name, value in inputs.items() if name not in real}

    def call(real):
        return function(*(jnp.asarray({**real, **rest}[name]) for name in inputs))

    def total(real):
        result = call(real)
        leaves = result if isinstance(result, tuple) else (result,)
        return sum((jnp.sum(leaf) for leaf in leaves if jnp.asarray(leaf).dtype == jnp.float64), jnp.float64(0))

    return call(real), jax.grad(total)(real) if real else {}


def by_torch(function, inputs):
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in inputs.items()}
    real = {name: tensor.requires_grad_() for name, tensor in tensors.items() if tensor.dtype == torch.float64}
    result = function(**{name.replace(".", "_"): tensor for name, tensor in tensors.items()})
    leaves = result if isinstance(result, tuple) else (result,)
    total = sum(leaf.sum() for leaf in leaves if leaf.dtype == torch.float64)
    gradients = torch.autograd.grad(total, list(real.values()), materialize_grads=True)
    plain = tuple(leaf.detach().numpy() for leaf in leaves)
    return plain if isinstance(result, tuple) else plain[0], {name: g.numpy() for name, g in zip(real, gradients)}


def stored(array):
    array = np.array(array, order="C")
    return array.astype(np.int32) if array.dtype in (np.int64, np.int32) else array


def make(file, name):
    framework, function, specs = CASES[file, name]
    random = np.random.default_rng(zlib.crc32(f"{file}.{name}".encode()))
    inputs = {path: spec.draw(random) for path, spec in specs.items()}
    result, gradients = {"jax": by_jax, "torch": by_torch}[framework](function, inputs)
    out = {f"result.{i}": leaf for i, leaf in enumerate(result)} if isinstance(result, tuple) else {"result": result}
    out |= {f"grad.{path}": gradient for path, gradient in gradients.items()}
    for path, array in out.items():
        assert np.isfinite(np.asarray(array, np.float64)).all(), f"{file}.{name}: {path} is not finite"
    folder = HERE / "cases" / file
    folder.mkdir(parents=True, exist_ok=True)
    save_file({path: stored(array) for path, array in inputs.items()}, folder / f"{name}.in.safetensors")
    save_file({path: stored(array) for path, array in out.items()}, folder / f"{name}.out.safetensors")


# ---- definitions shared by several -------------------------------------------------------------------------------------

first_max = lambda x: x[jnp.argmax(x)]  # a tie's gradient goes to the first
first_min = lambda x: x[jnp.argmin(x)]
larger = lambda x, y: jnp.where(x >= y, x, y)
smaller = lambda x, y: jnp.where(x <= y, x, y)
softmax = jax.nn.softmax
F = torch.nn.functional


def safely(condition, function, x, otherwise):
    """where(condition, function(x), otherwise) with gradients of exactly zero from the branch not taken."""
    return jnp.where(condition, function(jnp.where(condition, x, 1.0)), otherwise)


def each(signature):
    return lambda function: jnp.vectorize(function, signature=signature)


def main():
    import compositions, corners, functions, notation, recursion, layers  # noqa: E401, F401  (fill CASES)

    wanted = sys.argv[1:]
    chosen = [key for key in CASES if not wanted or key[0] in wanted or ".".join(key) in wanted]
    if not chosen:
        sys.exit(f"nothing is named {' '.join(wanted)}")
    for file, name in chosen:
        make(file, name)
    print(f"{len(chosen)} cases")


if __name__ == "__main__":
    sys.modules["make"] = sys.modules["__main__"]
    main()
