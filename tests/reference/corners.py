"""The functions of corners.nn a second time (see make.py)."""

import jax
import jax.numpy as jnp
import torch
from make import B, F, I, P, U, V, case, each, first_max, first_min, larger, logsumexp, safely, smaller, torch_case, whole

f = "corners"
flags = lambda values: V(values, bool)
relu = lambda x: jnp.where(x > 0, x, 0.0)
absolute = lambda x: x * jax.lax.stop_gradient(jnp.sign(x))
case(f, "kinks", lambda x: (relu(x), absolute(x), absolute(x), larger(x, 0.0) + smaller(x, 0.0)), x=V([-2, -0.0, 0, 1e-30, 3]))
case(f, "tied", each("(n)->(),()")(lambda x: (first_max(x), first_min(x))), x=V([[1, 3, 3, 1, 2], [0, 0, 0, 0, 0], [-1, -1, 5, 5, 5]]))
case(f, "tied_pairs", lambda x, y: (larger(x, y), smaller(x, y)), x=V([1, 2, 3, 0]), y=V([1, 3, 2, 0]))
case(f, "tied_over_two", lambda x: (first_max(x.reshape(-1)), first_min(x.T.reshape(-1))), x=V([[0, 2, 0], [2, 0, 2]]))
for suffix, values in {"": [1.5, -2, 0.5], ".zero": [1.5, 0, 0.5, -2], ".zeros": [0, 3, 0, 2], ".many": [1.25] * 40}.items():
    torch_case(f, "product" + suffix, lambda x: torch.prod(x), x=V(values))
torch_case(f, "product.rows", lambda x: torch.prod(x, -1), x=V([[1, 2, 3], [0, 2, 3], [0, 0, 3], [0, 0, 0]]))
torch_case(f, "product_over_two", lambda x: torch.prod(x.reshape(-1)), x=V([[1.5, -2, 0.5], [3, 0, 0.25]]))


def second_of_product(x, v):
    """From the products of all but one and all but two of the factors, which need no division."""
    others = lambda i: torch.prod(torch.cat([x[:i], x[i + 1 :]]))
    gradient = torch.stack([others(i) for i in range(len(x))])
    (second,) = torch.autograd.grad(gradient @ v.detach(), x, create_graph=True)
    pairs = lambda i, j: torch.prod(torch.stack([x[k] for k in range(len(x)) if k not in (i, j)]))
    return torch.stack([sum(v[i] * pairs(i, j) for i in range(len(x)) if i != j) for j in range(len(x))])


torch_case(f, "second_of_product", second_of_product, x=U(4), v=U(4))
torch_case(f, "second_of_product.zero", second_of_product, x=V([1.5, 0, -0.5, 2]), v=U(4))
torch_case(f, "second_of_product.zeros", second_of_product, x=V([1.5, 0, 0, 2]), v=U(4))
torch_case(f, "powers", lambda x: (x**0, x**1, x**2, x**3, x**5), x=V([-2, -1, 0, 0.5, 3]))
torch_case(f, "inverse_powers", lambda x: (x**-1, x**-2, x**0.5, x**-1.5), x=P(6))
torch_case(f, "power", lambda x, y: x**y, x=P(6), y=U(6))
case(f, "chosen_root", lambda x: safely(x > 0, jnp.sqrt, x, -x), x=V([-2, 0, 1e-20, 4]))
case(f, "chosen_log", lambda x: safely(x > 0, lambda x: x * jnp.log(x), x, 0.0), x=V([-2, 0, 0.5, 4]))
case(f, "chosen_quotient", lambda x, y: jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y)), x=V([0, 1, 2, -3]), y=V([0, 0, 4, -2]))
case(f, "chosen_norm", each("(n)->()")(lambda x: safely(x @ x > 0, jnp.sqrt, x @ x, 0.0)), x=V([[0, 0, 0], [3, 0, 4]]))
case(f, "second_of_chosen", lambda x: safely(x > 0, lambda x: 3.75 * x**0.5, x, 0.0), x=V([-2, 0.25, 4]))
case(f, "nested_choice", lambda x: jnp.where(x > 0, jnp.where(x > 1, jnp.log(jnp.where(x > 1, x - 1, 1)), jnp.sqrt(jnp.where(x > 0, x, 1))),
                                            jnp.exp(1 / jnp.where(x < 0, x, -1))), x=V([-2, -0.1, 0.25, 3]))
KEPT = flags([[True, False, True, True], [False, False, True, False], [True] * 4])
masked = lambda x, keep: torch.where(keep, x, torch.tensor(-torch.inf, dtype=torch.float64))
torch_case(f, "masked_softmax", lambda x, keep: F.softmax(masked(x, keep), -1) ** 1, x=U(3, 4), keep=KEPT)
torch_case(f, "masked_log_softmax", lambda x, keep, i: F.log_softmax(masked(x, keep), -1)[torch.arange(3), i.long()], x=U(3, 4), keep=KEPT, i=whole([2, 2, 0]))
torch_case(f, "masked_logsumexp", lambda x, keep: torch.logsumexp(masked(x, keep), -1), x=U(3, 4), keep=KEPT)
torch_case(f, "masked_cost", lambda x, keep, label: F.cross_entropy(masked(x, keep), label.long(), reduction="none"), x=U(3, 4), keep=KEPT, label=whole([2, 2, 0]))


def divergence_with_zeros(x, keep, y):
    p, q = F.softmax(masked(x, keep), -1), F.log_softmax(y, -1)
    return torch.where(keep, p * (torch.log(torch.where(keep, p, 1.0)) - q), 0.0).sum(-1)


torch_case(f, "divergence_with_zeros", divergence_with_zeros, x=U(3, 4), keep=KEPT, y=U(3, 4))
torch_case(f, "tiny_and_huge", lambda x: (torch.tanh(x), torch.log(x) / 100, x / (1 + x)), x=V([1e-3, 1e-2, 1, 1e4, 1e8]))
torch_case(f, "rounded", lambda x: (torch.floor(x) * x, torch.ceil(x) * x, torch.round(x) * x, torch.sign(x) * x),
           x=V([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.75, 0.25]))
torch_case(f, "angles", lambda x: (torch.sin(x), torch.cos(x), torch.tan(x / 8), torch.erf(x)), x=V([-10, -3, -1, 0, 1e-4, 0.5, 2, 9, 10.5]))
case(f, "clamped", lambda x: jnp.where(x >= 1, 1.0, jnp.where(x > -1, x, -1.0)), x=V([-3, -0.5, 0.25, 2]))
case(f, "counted", lambda x, y: (jnp.sum(jnp.where(x < y, x, y)), jnp.argmax(x), jnp.argmin(y), jnp.sum(jnp.where(x == y, 1.0, 0.0))), x=V([1, 4, 4, 0]), y=V([2, 1, 4, 1]))
case(f, "conversions", lambda x: (jnp.clip(jnp.floor(x), 0, 4).astype(jnp.int32), x[1] * 1.0), x=V([3.5, 1, -2, 7, 4.999]))
