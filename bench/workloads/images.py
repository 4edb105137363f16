"""lenet and convnet: convolutions, with batch normalisation in the second. JAX gets images with the channels last, its faster layout."""

import numpy as np

from .common import (
    Scaled, Workload, dense_count, dense_operations, dense_parameters, dense_rows, jax_cross_entropy, of_batch,
    torch_cross_entropy, uniform_parameters,
)
from .small import mnist_fields

# ---- what both share --------------------------------------------------------------------------------------------------


def conv_operations(batch, *layers):
    """Layers are (output height, width, kernel's edge, channels in, channels out); the first one's dX is not needed."""
    products = [height * width * edge**2 * inputs * outputs for height, width, edge, inputs, outputs in layers]
    return 2.0 * batch * (3 * sum(products) - products[0])


def conv_parameters(random, edge, inputs, outputs):
    return uniform_parameters(random, edge * edge * inputs, (edge, edge, inputs, outputs), outputs)


def conv(layer, x, padding):
    import jax

    weight, bias = layer
    return jax.lax.conv_general_dilated(x, weight, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def max_pool(x):
    """2x2; by a reshape, whose adjoint XLA compiles to faster code than reduce_window's select-and-scatter."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max((2, 4))


CHANNELS_LAST = dict(torch_formats=("", "channels_last"), jax_transposed={"image": (0, 2, 3, 1)})

# ---- lenet ------------------------------------------------------------------------------------------------------------


def lenet_torch_model():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def lenet_jax_parameters(random):
    return {
        "conv1": conv_parameters(random, 5, 1, 6),
        "conv2": conv_parameters(random, 5, 6, 16),
        **dense_parameters(random, fc1=(400, 120), fc2=(120, 84), fc3=(84, 10)),
    }


def lenet_jax_cost(params, image, label):
    from jax.nn import relu

    h = max_pool(relu(conv(params["conv1"], image, "SAME")))
    h = max_pool(relu(conv(params["conv2"], h, "VALID")))
    h = h.reshape(h.shape[0], -1)
    h = relu(dense_rows(params["fc1"], h))
    h = relu(dense_rows(params["fc2"], h))
    return jax_cross_entropy(dense_rows(params["fc3"], h), label)


# ---- convnet ----------------------------------------------------------------------------------------------------------

CONVNET = ((3, 32), (32, 32), (32, 64), (64, 64), (64, 128))  # channels of the convolutions
POOLED = (1, 3)  # those that a pooling follows
EDGES = (32, 32, 16, 16, 8)  # of their images


def convnet_fields(real):
    random = np.random.default_rng(4)
    image = random.integers(0, 256, (8192, 3, 32, 32), np.uint8)
    return {"image": Scaled(image, 255), "label": random.integers(0, 10, 8192).astype(np.uint8)}


def convnet_torch_model():
    from torch import nn

    layers = []
    for place, (inputs, outputs) in enumerate(CONVNET):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if place in POOLED else []
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def convnet_jax_parameters(random):
    layer = lambda inputs, outputs: {
        "conv": conv_parameters(random, 3, inputs, outputs),
        "norm": (np.ones(outputs, np.float32), np.zeros(outputs, np.float32)),
    }
    return {"layers": [layer(*channels) for channels in CONVNET], "out": dense_parameters(random, out=(128, 10))["out"]}


def convnet_jax_statistics():
    return [(np.zeros(outputs, np.float32), np.ones(outputs, np.float32)) for _, outputs in CONVNET]


def batch_norm(weights, running, x, momentum=0.1, epsilon=1e-5):
    import jax

    weight, bias = weights
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    count = x.size / x.shape[-1]
    observed = (mean, variance * (count / (count - 1)))
    running = tuple((1 - momentum) * old + momentum * new for old, new in zip(running, observed))
    return (x - mean) * (jax.lax.rsqrt(variance + epsilon) * weight) + bias, running


def convnet_jax_cost(params, statistics, image, label):
    import jax

    h, after = image, []
    for place, (layer, running) in enumerate(zip(params["layers"], statistics)):
        h, running = batch_norm(layer["norm"], running, conv(layer["conv"], h, "SAME"))
        h = jax.nn.relu(h)
        h = max_pool(h) if place in POOLED else h
        after.append(jax.lax.stop_gradient(running))
    return jax_cross_entropy(dense_rows(params["out"], h.mean((1, 2))), label), after


ENTRIES = (
    Workload(
        name="lenet", batch=64, optimizer="adam", rate=1e-3, fields=lambda real: mnist_fields(real, 1, 28, 28),
        torch_model=lenet_torch_model, torch_cost=torch_cross_entropy,
        jax_parameters=lenet_jax_parameters, jax_cost=of_batch(lenet_jax_cost),
        operations=conv_operations(64, (28, 28, 5, 1, 6), (10, 10, 5, 6, 16)) + 6.0 * 64 * (400 * 120 + 120 * 84 + 84 * 10),
        parameters=25 * 6 + 6 + 25 * 6 * 16 + 16 + dense_count(400, 120, 84, 10), **CHANNELS_LAST,
    ),
    Workload(
        name="convnet", batch=64, optimizer="adam", rate=1e-3, fields=convnet_fields,
        torch_model=convnet_torch_model, torch_cost=torch_cross_entropy,
        jax_parameters=convnet_jax_parameters, jax_cost=convnet_jax_cost, jax_statistics=convnet_jax_statistics,
        operations=conv_operations(64, *((edge, edge, 3, *channels) for edge, channels in zip(EDGES, CONVNET)))
        + 6.0 * 64 * 128 * 10,
        parameters=sum(9 * a * b + 3 * b for a, b in CONVNET) + dense_count(128, 10), **CHANNELS_LAST,
    ),
)
