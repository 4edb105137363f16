"""The workloads: one entry each, with the data, the network and its cost in PyTorch and in JAX.

The same network in .nn is models/NAME.nn, which reads data/NAME-FIELD.npy. Adding a workload is adding an entry here and a
model there. torch and jax are imported inside the functions, so that a process loads only the one that it measures.

    torch_model()            -> a torch.nn.Module
    torch_cost(model, *rows) -> the mean cost of a mini-batch; rows are the fields, gathered, with the batch in front
    jax_parameters(random)   -> a dict of numpy arrays
    jax_cost(params, *row)   -> the cost of ONE example (the bench maps it over the mini-batch)
    fields(real)             -> {field: array of all examples}; `real` opens a file of the data folder, or gives None
    operations               -> multiply-adds of a step's matrix products, times two: forward, weights' and inputs' gradients
"""

import dataclasses
import gzip
import math
from typing import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Workload:
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
    torch_compiled_cost: Callable = None  # where torch.compile needs it written otherwise


# ---- what several workloads share -------------------------------------------------------------------------------------


def dense_parameters(random, **layers):
    """PyTorch's initial values of dense layers: uniform within 1/sqrt(inputs)."""
    params = {}
    for name, (inputs, outputs) in layers.items():
        bound = 1 / math.sqrt(inputs)
        params[name] = (
            random.uniform(-bound, bound, (outputs, inputs)).astype(np.float32),
            random.uniform(-bound, bound, outputs).astype(np.float32),
        )
    return params


def dense(layer, x):
    weight, bias = layer
    return weight @ x + bias


def dense_operations(batch, *sizes):
    """Three products a layer (forward, dW, dX), without the first layer's dX."""
    products = [a * b for a, b in zip(sizes, sizes[1:])]
    return 2.0 * batch * (3 * sum(products) - products[0])


def torch_classifier(*sizes):
    import torch

    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def torch_cross_entropy(model, image, label):
    import torch

    return torch.nn.functional.cross_entropy(model(image), label)


def jax_classifier_cost(params, image, label):
    import jax

    *hidden, last = params.values()
    for layer in hidden:
        image = jax.nn.relu(dense(layer, image))
    return -jax.nn.log_softmax(dense(last, image))[label]


# ---- chain ------------------------------------------------------------------------------------------------------------

CHAIN = dict(w1=0.9, b1=0.1, w2=-0.7, b2=0.2, w3=1.3, b3=-0.4)


def chain_fields(real):
    return {
        "x": np.array([0.1, 0.4, 0.6, 0.9], np.float32),
        "y": np.array([0.66, 0.55, 0.45, 0.34], np.float32),
    }


def chain_torch_model():
    import torch

    model = torch.nn.Module()
    for name, value in CHAIN.items():
        setattr(model, name, torch.nn.Parameter(torch.tensor(value)))
    return model


def chain_torch_cost(m, x, y):
    import torch

    a = torch.sigmoid(m.w1 * x + m.b1)
    a = torch.sigmoid(m.w2 * a + m.b2)
    a = torch.sigmoid(m.w3 * a + m.b3)
    return ((a - y) ** 2).mean()


def chain_jax_cost(p, x, y):
    import jax

    a = jax.nn.sigmoid(p["w1"] * x + p["b1"])
    a = jax.nn.sigmoid(p["w2"] * a + p["b2"])
    a = jax.nn.sigmoid(p["w3"] * a + p["b3"])
    return (a - y) ** 2


# ---- digits and mlp ---------------------------------------------------------------------------------------------------


def digits_fields(real):
    file = real("digits.csv")
    if file is None:
        random = np.random.default_rng(1)
        image, label = random.integers(0, 17, (1797, 64)), random.integers(0, 10, 1797)
    else:
        table = np.loadtxt(file, delimiter=",")
        image, label = table[:, :64], table[:, 64]
    return {"image": (image.astype(np.uint8), 16), "label": label.astype(np.uint8)}


def read_idx(file):
    with gzip.open(file) as stream:
        content = stream.read()
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def mlp_fields(real):
    images, labels = real("mnist-images.idx3.gz"), real("mnist-labels.idx1.gz")
    if images is None or labels is None:
        random = np.random.default_rng(2)
        image = random.integers(0, 256, (10000, 784)) * (random.random((10000, 784)) < 0.2)  # MNIST is 4/5 background
        return {"image": (image.astype(np.uint8), 255), "label": random.integers(0, 10, 10000).astype(np.uint8)}
    return {"image": (read_idx(images).reshape(-1, 784), 255), "label": read_idx(labels)}


# ---- pinn -------------------------------------------------------------------------------------------------------------


def pinn_fields(real):
    return {"point": np.random.default_rng(3).random((4096, 2)).astype(np.float32)}


def pinn_torch_model():
    import torch

    tanh = torch.nn.Tanh
    return torch.nn.Sequential(torch.nn.Linear(2, 64), tanh(), torch.nn.Linear(64, 64), tanh(), torch.nn.Linear(64, 1))


def pinn_torch_u(model, x, y):
    import torch

    return model(torch.stack((x, y), 1))[:, 0] * x * (1 - x) * y * (1 - y)


def pinn_torch_mean(laplace, x, y):
    import torch

    return ((laplace + 2 * math.pi**2 * torch.sin(math.pi * x) * torch.sin(math.pi * y)) ** 2).mean()


def pinn_torch_cost(model, point):
    import torch

    point = point.detach().requires_grad_()
    x, y = point[:, 0], point[:, 1]
    u_x, u_y = torch.autograd.grad(pinn_torch_u(model, x, y).sum(), (x, y), create_graph=True)
    (u_xx,) = torch.autograd.grad(u_x.sum(), x, create_graph=True)
    (u_yy,) = torch.autograd.grad(u_y.sum(), y, create_graph=True)
    return pinn_torch_mean(u_xx + u_yy, x, y)


def pinn_torch_compiled_cost(model, point):
    """The same by torch.func, since torch.compile cannot trace autograd.grad; uncompiled it is slower."""
    import torch

    derivative = lambda f: torch.func.grad(lambda x: f(x).sum())
    x, y = point[:, 0], point[:, 1]
    u_xx = derivative(derivative(lambda x: pinn_torch_u(model, x, y)))(x)
    u_yy = derivative(derivative(lambda y: pinn_torch_u(model, x, y)))(y)
    return pinn_torch_mean(u_xx + u_yy, x, y)


def pinn_jax_cost(params, point):
    import jax
    import jax.numpy as jnp

    def u(x, y):
        h = jnp.tanh(dense(params["layer1"], jnp.stack((x, y))))
        h = jnp.tanh(dense(params["layer2"], h))
        return dense(params["layer3"], h)[0] * x * (1 - x) * y * (1 - y)

    x, y = point
    laplace = jax.grad(jax.grad(u, 0), 0)(x, y) + jax.grad(jax.grad(u, 1), 1)(x, y)
    return (laplace + 2 * math.pi**2 * jnp.sin(math.pi * x) * jnp.sin(math.pi * y)) ** 2


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            name="chain", batch=1, optimizer="sgd", rate=0.5, fields=chain_fields,
            torch_model=chain_torch_model, torch_cost=chain_torch_cost,
            jax_parameters=lambda random: {name: np.float32(value) for name, value in CHAIN.items()},
            jax_cost=chain_jax_cost, operations=18,
        ),
        Workload(
            name="digits", batch=32, optimizer="sgd", rate=0.1, fields=digits_fields,
            torch_model=lambda: torch_classifier(64, 32, 10), torch_cost=torch_cross_entropy,
            jax_parameters=lambda random: dense_parameters(random, hidden=(64, 32), output=(32, 10)),
            jax_cost=jax_classifier_cost, operations=dense_operations(32, 64, 32, 10),
        ),
        Workload(
            name="mlp", batch=128, optimizer="adam", rate=1e-3, fields=mlp_fields,
            torch_model=lambda: torch_classifier(784, 512, 512, 10), torch_cost=torch_cross_entropy,
            jax_parameters=lambda random: dense_parameters(random, layer1=(784, 512), layer2=(512, 512), layer3=(512, 10)),
            jax_cost=jax_classifier_cost, operations=dense_operations(128, 784, 512, 512, 10),
        ),
        Workload(
            name="pinn", batch=1024, optimizer="adam", rate=1e-3, fields=pinn_fields,
            torch_model=pinn_torch_model, torch_cost=pinn_torch_cost, torch_compiled_cost=pinn_torch_compiled_cost,
            jax_parameters=lambda random: dense_parameters(random, layer1=(2, 64), layer2=(64, 64), layer3=(64, 1)),
            jax_cost=pinn_jax_cost,
            # The hidden layer: the value, two first and two second derivatives forward, and twice each backward.
            operations=2.0 * 1024 * 15 * 64 * 64,
        ),
    )
}


def write_data(workload, folder, real):
    """Writes the fields as npy files, in the form that they have on disk: bytes stay bytes."""
    for field, array in workload.fields(real).items():
        array = array[0] if isinstance(array, tuple) else array
        np.save(folder / f"{workload.name}-{field}.npy", array)


def fields_for_peers(workload, real):
    """The fields as a peer likes them best, converted once before the clock starts: f32 scaled, i64 labels."""
    ready = []
    for array in workload.fields(real).values():
        if isinstance(array, tuple):
            array, scale = array
            ready.append(array.astype(np.float32) / scale)
        else:
            ready.append(array.astype(np.int64 if array.dtype == np.uint8 else np.float32))
    return ready
