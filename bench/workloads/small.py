"""chain, digits and mlp: dense layers, from nothing to compute to matrix products."""

import gzip

import numpy as np

from .common import (
    Scaled, Workload, dense, dense_count, dense_operations, dense_parameters, of_example, torch_cross_entropy,
)

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
    return {"image": Scaled(image.astype(np.uint8), 16), "label": label.astype(np.uint8)}


def read_idx(file):
    with gzip.open(file) as stream:
        content = stream.read()
    rank = content[3]
    shape = np.frombuffer(content, ">u4", rank, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def mnist_fields(real, *shape):
    """Images of that shape and their labels."""
    images, labels = real("mnist-images.idx3.gz"), real("mnist-labels.idx1.gz")
    if images is None or labels is None:
        random = np.random.default_rng(2)
        image = random.integers(0, 256, (10000, 784)) * (random.random((10000, 784)) < 0.2)  # MNIST is 4/5 background
        image, label = image.astype(np.uint8), random.integers(0, 10, 10000).astype(np.uint8)
    else:
        image, label = read_idx(images), read_idx(labels)
    return {"image": Scaled(image.reshape(-1, *shape), 255), "label": label}


def torch_classifier(*sizes):
    import torch

    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def jax_classifier_cost(params, image, label):
    import jax

    *hidden, last = params.values()
    for layer in hidden:
        image = jax.nn.relu(dense(layer, image))
    return -jax.nn.log_softmax(dense(last, image))[label]


ENTRIES = (
    Workload(
        name="chain", batch=1, optimizer="sgd", rate=0.5, fields=chain_fields,
        torch_model=chain_torch_model, torch_cost=chain_torch_cost,
        jax_parameters=lambda random: {name: np.float32(value) for name, value in CHAIN.items()},
        jax_cost=of_example(chain_jax_cost), operations=18, parameters=6,
    ),
    Workload(
        name="digits", batch=32, optimizer="sgd", rate=0.1, fields=digits_fields,
        torch_model=lambda: torch_classifier(64, 32, 10), torch_cost=torch_cross_entropy,
        jax_parameters=lambda random: dense_parameters(random, hidden=(64, 32), output=(32, 10)),
        jax_cost=of_example(jax_classifier_cost), operations=dense_operations(32, 64, 32, 10),
        parameters=dense_count(64, 32, 10),
    ),
    Workload(
        name="mlp", batch=128, optimizer="adam", rate=1e-3, fields=lambda real: mnist_fields(real, 784),
        torch_model=lambda: torch_classifier(784, 512, 512, 10), torch_cost=torch_cross_entropy,
        jax_parameters=lambda random: dense_parameters(random, layer1=(784, 512), layer2=(512, 512), layer3=(512, 10)),
        jax_cost=of_example(jax_classifier_cost), operations=dense_operations(128, 784, 512, 512, 10),
        parameters=dense_count(784, 512, 512, 10),
    ),
)
