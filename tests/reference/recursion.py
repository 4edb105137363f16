"""The functions of recursion.nn a second time (see make.py)."""

import jax
import jax.numpy as jnp
import torch
from make import F, I, P, U, V, case, each, first_max, logsumexp, safely, softmax, torch_case, whole

f = "recursion"
grad = jax.grad


def power_series(x):
    term = total = 1.0
    for k in range(1, 18):
        term = term * x / k
        total = total + term
    return total


def legendre(x):
    def last(x):
        a, b = jnp.float64(1), x
        for k in range(1, 6):
            a, b = b, ((2 * k + 1) * x * b - k * a) / (k + 1)
        return b

    return last(x), grad(last)(x)


def weighted(xs, w):
    s = 0.0
    for i in range(len(xs)):
        s = 0.5 * s + w[i] * xs[i] * (i + 1)
    return s


def scanned(xs, step, h):
    ys = []
    for x in xs:
        h = step(h, x)
        ys.append(h)
    return jnp.stack(ys)


def backwards(xs):
    return scanned(xs[::-1], lambda h, x: jnp.tanh(h + x), 0.0)[::-1] * xs


def bidirectional(xs, w, u):
    zero = jnp.zeros(xs.shape[-1])
    return scanned(xs, lambda h, x: jnp.tanh(w @ h + x), zero) * scanned(xs[::-1], lambda h, x: jnp.tanh(u @ h + x), zero)[::-1]


def yields_two(xs):
    a = jnp.cumsum(xs.sum(1))
    return a, a[:, None] * xs, a[-1]


def inner_of_outer(xs, w):
    h = w
    for x in xs:
        ys = []
        for e in x:
            h = h * 0.5 + e * w
            ys.append(h.sum())
        h = h + jnp.stack(ys)
    return h


def deep(x, w):
    for i in range(3):
        for j in range(4):
            for k in range(5):
                x = x + w * jnp.sin(x) / (1 + i + j * k)
    return x


def walked(x):
    s, n = jnp.zeros(len(x)), len(x)
    for i in range(n):
        for j in range(n):
            s = jnp.tanh(s + x[i] * x[j] + i / (j + 1))
    return s


def long(x, w):
    for _ in range(50):
        x = x + 0.1 * jnp.tanh(w @ x)
    return x


def iterated(times, step, start=lambda a: a):
    def function(a):
        x = start(a)
        for _ in range(times):
            x = step(x, a)
        return x

    return function


def steps_of_descent(x, a):
    energy = lambda x: x @ a @ x / 2 + jnp.sum(x**4) / 4
    for _ in range(5):
        x = x - 0.05 * grad(energy)(x)
    return x


def second_in_loop(xs):
    h = jnp.float64(0.5)
    for x in xs:
        h = h + 0.1 * x**2 * jnp.sin(h * x) + x * jnp.cos(h * x)
    return h


def second_around_loop(x):
    y = iterated(6, lambda y, x: jnp.sin(y) + y / 2)
    return grad(grad(y))(x) + grad(y)(x) * y(x)


def recurrence(xs, w):
    h = jnp.zeros(xs.shape[1])
    for x in xs:
        h = jnp.tanh(w @ h + x)
    return h


def mixed_types(xs, k):
    s, n, seen = jnp.float64(0), jnp.float64(0), False
    for i in range(len(k)):
        n = n + (k[i] == 2)
        seen = seen | (k[i] == 3)
        s = s + jnp.where(seen, xs[i], xs[i] ** 2) * n
    return s, n, seen


def looked_up(table, tokens, w):
    h, ys = jnp.ones(table.shape[1]), []
    for token in tokens:
        h = jnp.tanh(w @ h) * table[token]
        ys.append(table[token] @ h)
    return jnp.stack(ys)


def viterbi(score, move):
    best = jnp.zeros(move.shape[0])
    for s in score:
        best = jnp.max(best[:, None] + move, 0) + s
    return jnp.max(best)


def forward_algorithm(score, move):
    """Σ over all paths: the move from i to j costs move[j, i] + a[i] here, for `(move + a)'` reduces its rows' last axis."""
    a = jnp.zeros(move.shape[0])
    for s in score:
        a = logsumexp((move + a).T, -1) + s
    return logsumexp(a)


def windows_in_loop(x, w):
    for _ in range(4):
        p = jnp.pad(x, 1)
        x = jnp.tanh(w[0] * p[:-2] + w[1] * p[1:-1] + w[2] * p[2:])
    return jnp.sum(x)


def sorted_in_loop(xs):
    h = jnp.zeros(xs.shape[1])
    for x in xs:
        h = jnp.sort(h + x) * 0.9
    return h


def chain(x, **p):
    for i in range(3):
        g = torch.sigmoid(F.linear(x, p[f"gates_{i}_weight"], p[f"gates_{i}_bias"]))
        x = g * torch.tanh(F.linear(x, p[f"layers_{i}_weight"], p[f"layers_{i}_bias"])) + (1 - g) * x
    for i in range(3):
        x = F.linear(x, p[f"layers_{i}_weight"], p[f"layers_{i}_bias"]) / 2
    return x


def unfolded(xs, cell_weight, cell_bias):
    h, ys = torch.zeros_like(xs[..., 0, :]), []
    for i in range(xs.shape[-2]):
        h = torch.tanh(F.linear(torch.cat([h, xs[..., i, :]], -1), cell_weight, cell_bias))
        ys.append(h)
    return torch.stack(ys, -2)


case(f, "power_series", power_series, x=U())
case(f, "power_series.many", power_series, x=U(5))
case(f, "legendre", lambda x: tuple(jnp.stack(y) for y in zip(*(legendre(e) for e in x))), x=U(4, low=-1, high=1))
case(f, "legendre.one", legendre, x=U(low=-1, high=1))
case(f, "weighted", weighted, xs=U(6, 3), w=U(6))
case(f, "backwards", backwards, xs=U(8, 3))
case(f, "bidirectional", bidirectional, xs=U(7, 3), w=U(3, 3), u=U(3, 3))
case(f, "yields_two", yields_two, xs=U(5, 3))
case(f, "yields_of_yields", lambda xs: xs * xs.sum(1, keepdims=True), xs=U(4, 5))
case(f, "inner_of_outer", inner_of_outer, xs=U(5, 3), w=U(3))
case(f, "deep", deep, x=U(), w=U(low=-0.3, high=0.3))
case(f, "deep.batch", deep, x=U(3), w=U(3, low=-0.3, high=0.3))
case(f, "walked", walked, x=U(4, 4))
case(f, "long", long, x=U(4), w=U(4, 4))
case(f, "cumulative", lambda x: jnp.cumsum(x), x=U(30))
case(f, "lifted_cumulative", lambda x: jnp.cumsum(x, 1) * x, x=U(3, 12))
case(f, "scan_per_element", lambda x: jnp.cumsum(x.T, 1) ** 2, x=U(6, 3))
case(f, "fixed_point", iterated(30, lambda x, a: jnp.cos(a * x), jnp.ones_like), a=P(4, high=1.2))
case(f, "newton", iterated(8, lambda x, a: x - (x * x - a) / (2 * x)), a=P(4))
case(f, "steps_of_descent", steps_of_descent, x=U(3), a=U(3, 3))
case(f, "second_in_loop", second_in_loop, xs=U(7))
case(f, "second_around_loop", second_around_loop, x=U())
case(f, "gradient_to_inputs", lambda xs, w: grad(lambda xs: jnp.sum(recurrence(xs, w) ** 2))(xs), xs=U(6, 3), w=U(3, 3))
case(f, "summed_gradients", lambda xs, w: grad(lambda xs: jnp.sum(jnp.tanh(xs @ w.T) ** 2))(xs) * xs, xs=U(5, 3), w=U(3, 3))
case(f, "cholesky", lambda a: jnp.linalg.slogdet(a @ a.T + 3 * jnp.eye(3))[1], a=U(3, 3))
case(f, "mixed_types", mixed_types, xs=U(8), k=whole([0, 2, 1, 2, 3, 0, 2, 3]))
case(f, "looked_up", looked_up, table=U(5, 3), tokens=I(5, 8), w=U(3, 3))
case(f, "viterbi", viterbi, score=U(9, 4), move=U(4, 4))
case(f, "viterbi.batch", lambda score, move: jnp.stack([viterbi(s, move) for s in score]), score=U(3, 6, 4), move=U(4, 4))
case(f, "forward_algorithm", forward_algorithm, score=U(9, 4), move=U(4, 4))
case(f, "remembered_loop", lambda xs, w: scanned(xs, lambda h, x: jnp.tanh(w @ jnp.tanh(w @ h + x)), jnp.zeros(3))[-1], xs=U(7, 3), w=U(3, 3))
case(f, "windows_in_loop", windows_in_loop, x=U(6), w=U(3))
case(f, "sorted_in_loop", sorted_in_loop, xs=U(5, 4))
layers = {f"{name}.{i}.{part}": U(*shape) for i in range(3) for name, shapes in {"layers": {"weight": (3, 3), "bias": (3,)}, "gates": {"weight": (1, 3), "bias": (1,)}}.items() for part, shape in shapes.items()}
torch_case(f, "Chain", chain, **layers, x=U(5, 3))
torch_case(f, "Unfolded", unfolded, **{"cell.weight": U(3, 6), "cell.bias": U(3)}, xs=U(6, 3))
torch_case(f, "Unfolded.batch", unfolded, **{"cell.weight": U(3, 6), "cell.bias": U(3)}, xs=U(4, 6, 3))
