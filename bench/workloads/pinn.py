"""pinn: a solution of Poisson's equation, with the Laplacian in its cost."""

import math

import numpy as np

from .common import Workload, dense, dense_count, dense_parameters, of_example


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


ENTRIES = (
    Workload(
        name="pinn", batch=1024, optimizer="adam", rate=1e-3, fields=pinn_fields,
        torch_model=pinn_torch_model, torch_cost=pinn_torch_cost, torch_compiled_cost=pinn_torch_compiled_cost,
        jax_parameters=lambda random: dense_parameters(random, layer1=(2, 64), layer2=(64, 64), layer3=(64, 1)),
        jax_cost=of_example(pinn_jax_cost), parameters=dense_count(2, 64, 64, 1),
        # The hidden layer: the value, two first and two second derivatives forward, and twice each backward.
        operations=2.0 * 1024 * 15 * 64 * 64,
    ),
)
