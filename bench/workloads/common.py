"""What the workloads share: the shape of an entry, forms of fields, and layers for JAX."""

import dataclasses
import math
from typing import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Workload:
    """One entry.

    fields(real)                        -> {field: all examples}: an array, Scaled or Windows; `real` opens a file of the data folder, or gives None
    torch_model()                       -> a torch.nn.Module
    torch_cost(model, *rows)            -> the mean cost of a mini-batch; rows are the fields, gathered, with the batch in front
    jax_parameters(random)              -> a pytree of numpy arrays
    jax_cost(params, statistics, *rows) -> the mean cost of a mini-batch and the new statistics (see of_example, of_batch)
    operations                          -> multiply-adds of a step's products, times two: forward, weights' and inputs' gradients
    parameters                          -> how many numbers are trained
    """

    name: str
    batch: int
    optimizer: str  # "sgd" or "adam", with PyTorch's defaults but for the rate
    rate: float
    fields: Callable
    torch_model: Callable
    torch_cost: Callable
    jax_parameters: Callable
    jax_cost: Callable
    operations: float
    parameters: int
    torch_compiled_cost: Callable = None  # where torch.compile needs it written otherwise
    torch_extra: int = 0  # parameters that PyTorch's layer has besides
    torch_formats: tuple = ("",)  # memory formats of model and images; the faster one counts
    jax_statistics: Callable = tuple  # what a step changes without a gradient: running means
    jax_transposed: dict = dataclasses.field(default_factory=dict)  # field: order of axes in which JAX gets it

    def compulsory_bytes(self):
        """What an optimizer's step moves at least: each parameter, and Adam's two averages, read and written."""
        return self.parameters * 4.0 * (6 if self.optimizer == "adam" else 2)


@dataclasses.dataclass(frozen=True)
class Scaled:
    """Bytes as they lie on disk, and what they are divided by."""

    content: np.ndarray
    scale: float


@dataclasses.dataclass(frozen=True)
class Windows:
    """All stretches of `length` characters of a text, one at each place where one begins."""

    text: bytes
    length: int

    def tokens(self):
        """The characters' numbers in the sorted alphabet."""
        return np.unique(np.frombuffer(self.text, np.uint8), return_inverse=True)[1]

    def __len__(self):
        return len(self.text) - self.length + 1


# ---- operations -------------------------------------------------------------------------------------------------------


def dense_operations(batch, *sizes):
    """Three products a layer (forward, dW, dX), without the first layer's dX."""
    products = [a * b for a, b in zip(sizes, sizes[1:])]
    return 2.0 * batch * (3 * sum(products) - products[0])


def dense_count(*sizes):
    """Weights and biases of dense layers."""
    return sum(a * b + b for a, b in zip(sizes, sizes[1:]))


# ---- PyTorch ----------------------------------------------------------------------------------------------------------


def torch_cross_entropy(model, image, label):
    import torch

    return torch.nn.functional.cross_entropy(model(image), label)


# ---- JAX --------------------------------------------------------------------------------------------------------------


def of_example(cost):
    """The cost of a mini-batch from the cost of ONE example, `cost(params, *row)`, without statistics."""

    def mean(params, statistics, *rows):
        import jax

        return jax.vmap(cost, in_axes=(None,) + (0,) * len(rows))(params, *rows).mean(), statistics

    return mean


def of_batch(cost):
    """`cost(params, *rows)` is a mini-batch's already; it has no statistics."""
    return lambda params, statistics, *rows: (cost(params, *rows), statistics)


def uniform_parameters(random, inputs, *shapes):
    """PyTorch's initial values of a layer with so many inputs: uniform within 1/sqrt(inputs)."""
    bound = 1 / math.sqrt(inputs)
    return tuple(random.uniform(-bound, bound, shape).astype(np.float32) for shape in shapes)


def dense_parameters(random, **layers):
    """name=(inputs, outputs) -> {name: (weight[outputs, inputs], bias)}"""
    return {
        name: uniform_parameters(random, inputs, (outputs, inputs), outputs) for name, (inputs, outputs) in layers.items()
    }


def dense(layer, x):
    weight, bias = layer
    return weight @ x + bias


def dense_rows(layer, x):
    """A dense layer on the last axis of x."""
    weight, bias = layer
    return x @ weight.T + bias


def jax_cross_entropy(logits, label):
    import jax
    import jax.numpy as jnp

    return -jnp.take_along_axis(jax.nn.log_softmax(logits), label[..., None], -1).mean()
