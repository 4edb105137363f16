"""The functions of notation.nn a second time (see make.py)."""

import jax
import jax.numpy as jnp
import torch
from make import F, I, P, U, V, case, each, larger, softmax, torch_case, whole

f = "notation"
sizes = {"a": U(3, 4), "x": U(3), "y": U(4)}
case(f, "bilinear", lambda a, x, y: x @ a @ y, **sizes)
case(f, "bilinear.batch", lambda a, x, y: jnp.einsum("bij,bi,j->b", a, x, y), a=U(2, 3, 4), x=U(2, 3), y=U(4))
case(f, "four_factors", lambda a, b, c, d: jnp.trace(a @ b @ c @ d), a=U(2, 3), b=U(3, 4), c=U(4, 5), d=U(5, 2))
case(f, "traced", jnp.trace, a=U(5, 5))
case(f, "diagonal", lambda a: jnp.diagonal(a, axis1=-2, axis2=-1) ** 2, a=U(2, 5, 5))
case(f, "symmetric", lambda a: (a + a.T) / 2 * (1 + jnp.eye(4)), a=U(4, 4))
case(f, "outer", lambda x, y, z: jnp.einsum("i,j,k->ijk", x, y, 1 / (1 + z**2)), x=U(2), y=U(3), z=U(4))
case(f, "batched", lambda a, c: a @ c, a=U(2, 3, 4), c=U(2, 4, 5))
case(f, "batched.lifted", lambda a, c: a @ c, a=U(3, 2, 3, 4), c=U(2, 4, 5))


def heads(q, k, v):
    w = softmax(jnp.einsum("...hic,...hjc->...hij", q, k) / 2, -1)
    return jnp.einsum("...hij,...hjc->...ihc", w, v)


case(f, "heads", heads, q=U(2, 5, 3), k=U(2, 4, 3), v=U(2, 4, 6))
case(f, "heads.batch", heads, q=U(3, 2, 5, 3), k=U(3, 2, 4, 3), v=U(3, 2, 4, 6))
case(f, "extremes", lambda x: (x.min(1), x.max(0), x.mean(), (x**2).max()), x=U(4, 5))
case(f, "products", lambda x: jnp.prod(1 + x / 4, -1), x=U(3, 6))
case(f, "averages", lambda x: jnp.mean(x**2, (0, 2)), x=U(3, 4, 5))
case(f, "min_plus", lambda a, b: (a[:, :, None] + b[None]).min(1), a=U(3, 4), b=U(4, 5))
case(f, "largest_product", lambda a, b: (a[:, :, None] * b[None]).max(1), a=U(3, 4), b=U(4, 5))
case(f, "distances", lambda x, y: ((x[:, None] - y[None]) ** 2).sum(-1), x=U(6, 3), y=U(4, 3))


def kernel(x):
    i = jnp.arange(1, len(x) + 1)
    return jnp.sum(jnp.exp(-((x[:, None] - x[None]) ** 2).sum(-1) / 2) * i[:, None] / i[None])


case(f, "kernel", kernel, x=U(5, 2))
case(f, "rows_by_index", lambda table, i: table[i] * jnp.arange(1, 7)[:, None], table=U(4, 3), i=I(4, 6))
case(f, "elements_by_indices", lambda x, i, j: x[i, j] ** 2, x=U(4, 3), i=whole([0, 3, 3, 1, 3]), j=whole([2, 1, 1, 0, 2]))
case(f, "far_gather", lambda x, i, j: x[i][:, j] * x[i, 0][:, None], x=U(4, 3), i=I(4, 5), j=I(3, 2))
case(f, "twice_gathered", lambda x, i, k: x[i[k]] ** 2, x=U(5), i=I(5, 4), k=I(4, 9))
case(f, "twice_gathered.batch", lambda x, i, k: jnp.stack([a[b[k]] ** 2 for a, b in zip(x, i)]), x=U(3, 5), i=I(5, 3, 4), k=I(4, 9))
case(f, "histogram", lambda x, i: jnp.zeros(6).at[i].add(x) ** 2, x=U(20), i=I(6, 20))
case(f, "upper", lambda a: jnp.triu(a) @ jnp.triu(a), a=U(4, 4))
case(f, "positions", lambda n: jnp.sin(jnp.outer(jnp.arange(1, 5) * n, 1 / jnp.arange(1, 4))) + jnp.outer(jnp.arange(4), jnp.arange(3)), n=U(4))


def toeplitz(x):
    m = jnp.stack([jnp.stack([x[i - j + 3] for j in range(4)]) for i in range(4)])
    return m @ m


case(f, "toeplitz", toeplitz, x=U(7))
case(f, "strided", lambda x: x[1:8:3] * x[10:5:-2] + x[4], x=U(11))
case(f, "dilated", lambda w, x: jnp.stack([sum(w[p] * x[2 * i + 3 * p] for p in range(3)) for i in range(4)]), w=U(3), x=U(14))
case(f, "separable", lambda w, v, x: jax.scipy.signal.correlate2d(x, jnp.outer(w, v), mode="valid"), w=U(3), v=U(2), x=U(6, 7))
case(f, "correlated", lambda x: jnp.stack([x[:5] @ x[k : k + 5] for k in range(4)]), x=U(8))
cut = lambda x: x.reshape(3, 2, 3, 2)
case(f, "blocks", lambda x: cut(x).max((1, 3)) * (cut(x) ** 2).mean((1, 3)), x=U(6, 6))
case(f, "called", lambda x, y: jnp.tanh(x) * softmax(y, -1), x=U(3, 4), y=U(3, 4))
case(f, "called_on_slices", lambda x: jax.scipy.special.logsumexp(x, 1), x=U(2, 3, 4))
case(f, "differentiated", lambda x, y: jnp.cos(jnp.outer(x, y)) * y, x=U(3), y=U(3))
case(f, "softmax_by_hand", lambda x: softmax(x, -1) ** 2, x=U(3, 5))


def normalised(x, g):
    d = x - x.mean((-1, -2), keepdims=True)
    return (d / jnp.sqrt((d**2).mean((-1, -2), keepdims=True) + 0.1) * g[:, None, None]) ** 2


case(f, "normalised", normalised, x=U(2, 3, 4, 5), g=U(3))
case(f, "tensor_network", lambda a, b, c: jnp.einsum("ijk,kjm,mn->in", a, b, c), a=U(2, 3, 4), b=U(4, 3, 2), c=U(2, 2))
case(f, "sum_of_differences", lambda a, b: ((a[:, :, None] - b[None]) * (a[:, :, None] + 1)).sum(1), a=U(3, 4), b=U(4, 5))
