"""The functions of the .nn files of this folder, written a second time, with the inputs of each case (see make.py)."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import torch
from make import B, F, I, P, U, V, case, each, first_max, first_min, larger, logsumexp, safely, smaller, softmax, torch_case, whole

# ---- elementwise.nn ---------------------------------------------------------------------------------------------------

f = "elementwise"
case(f, "arithmetic", lambda x, y: x * y + x / y - (x - y) * 3 + 0.5 / x + y, x=P(5), y=P(5))
case(f, "arithmetic.number", lambda x, y: x * y + x / y - (x - y) * 3 + 0.5 / x + y, x=P(), y=P())
case(f, "arithmetic.long", lambda x, y: x * y + x / y - (x - y) * 3 + 0.5 / x + y, x=P(3, 37), y=P(37))
case(f, "exponentials", lambda x: (jnp.exp(x), jnp.log(x), jnp.sqrt(x), jax.lax.rsqrt(x)), x=P(33))
case(f, "trigonometry", lambda x: (jnp.sin(x), jnp.cos(x), jnp.tan(x)), x=U(21, low=-1.4, high=1.4))
case(f, "bounded", lambda x: (jnp.tanh(x), jax.scipy.special.erf(x)), x=U(35, low=-4, high=4))
case(f, "rounding", lambda x: (jnp.floor(x), jnp.ceil(x), jnp.round(x), jnp.sign(x)), x=V([-2.7, -1.2, -0.3, 0, 0.4, 1.6, 7, -3]))
case(f, "absolute", lambda x: x * jax.lax.stop_gradient(jnp.sign(x)), x=V([-2, 0, 3, -0.5]))
case(f, "whole_powers", lambda x: (x**2, x**3, x**-2, x, x * 0 + 1), x=V([-2, -0.5, 0.5, 1.5, 3]))
case(f, "real_powers", lambda x: (x**0.5, x**2.5, x**-1.5), x=P(7))
case(f, "power_of_both", lambda x, y: x**y, x=P(7), y=U(7))
case(f, "power_of_constant", lambda x: 2.0**x, x=U(7))
case(f, "power_tower", lambda x: (x**8, -(x**2)), x=U(7))
case(f, "powers_at_zero", lambda x: (x * x, x * x * x, x), x=V([0, 1, -1, 2]))
case(f, "extremes", lambda x, y: (smaller(x, y), larger(x, y)), x=U(9), y=U(9))
case(f, "tie_of_two", lambda x, y: (smaller(x, y), larger(x, y)), x=V([1, 2, 3]), y=V([1, 2, 2]))
case(f, "comparisons", lambda x, y: (x < y, x <= y, x > y, x >= y, x == y, x != y), x=V([1, 2, 3, -1]), y=V([1, 3, 2, 0]))
case(f, "logic", lambda p, q: (p & q, p | ~q, ~(p | q)), p=V([True, True, False, False], bool), q=V([True, False, True, False], bool))
case(f, "chosen", lambda x, y: jnp.where(x < y, x * y, x - y), x=U(9), y=U(9))
case(f, "guarded_log", lambda x: safely(x > 0, jnp.log, x, 0.0), x=V([-1, 0, 0.5, 2]))
case(f, "guarded_sqrt", lambda x: safely(x > 0, jnp.sqrt, x, -x), x=V([-1, 0, 0.25, 4]))
case(f, "guarded_quotient", lambda x, y: jnp.where(y == 0, x, x / jnp.where(y == 0, 1.0, y)), x=U(4), y=V([0, 1, -2, 0]))
case(f, "guarded_chain", lambda x: safely(x > 0, lambda x: jnp.exp(jnp.log(x) * 0.5) / jnp.sqrt(x), x, x**2), x=V([-2, 0, 0.3, 5]))
case(f, "nested_choice", lambda x: jnp.where(x < -1, -1, safely(x > 1, jnp.log, x, x**3)), x=V([-3, -1, -0.5, 0, 1, 1.5, 4]))
case(f, "vector_by_number", lambda x, s: x * s + s / 2, x=U(5), s=U())
case(f, "row_added", lambda m, row: (m + row) * row - m / 2, m=U(3, 4), row=U(4))
case(f, "composed", lambda x: jnp.log(1 + jnp.exp(-jnp.abs(x))) + larger(x, 0.0), x=U(9, low=-8, high=8))
case(f, "piped", lambda x: jnp.log(larger(jnp.exp(x), 1.5)), x=U(9))


def shadowed(x):
    y = x * x
    x = y + x
    y = x * y
    return y - x


case(f, "shadowed", shadowed, x=U(5))
case(f, "with_defaults", lambda x, a, b: a * x + b, x=U(3), a=U(), b=U())
case(f, "by_name", lambda x: (2 * x + 3) + (x * x + 1), x=U(3))
case(f, "constants", lambda x: x * math.pi + 1e-3 * 0.2 + 1000 * x, x=U(3))

# ---- prelude.nn, by PyTorch where it has the function -----------------------------------------------------------------

f = "prelude"
VALUES = [-30, -3, -0.7, -0.1, 0.1, 0.9, 2.5, 30]
torch_case(f, "activations_of_number", lambda x: (F.relu(x), F.leaky_relu(x), F.elu(x), F.silu(x)), x=V(VALUES))
torch_case(f, "activations_of_number.wide", lambda x: (F.relu(x), F.leaky_relu(x), F.elu(x), F.silu(x)), x=U(4, 19))
case(f, "activations_of_number.kink", lambda x: (x * 0, x * 0.01, x, x * 0.5), x=V([0]))
torch_case(f, "gaussian_units", lambda x: (F.gelu(x), F.gelu(x, approximate="tanh")), x=V([-5, -3, -0.7, 0, 0.9, 2.5, 6]))
torch_case(f, "squashing", lambda x: (torch.sigmoid(x), F.softplus(x, threshold=1e9)), x=V(VALUES + [0, -80, 80]))
torch_case(f, "leaky_with_slope", lambda x: F.leaky_relu(x, 0.2), x=U(6))
torch_case(f, "soft", lambda x: F.softmax(x, -1) , x=U(7))
torch_case(f, "soft.rows", lambda x: F.softmax(x, -1) , x=U(3, 5))
torch_case(f, "soft.wide_range", lambda x: F.softmax(x, -1), x=V([1000, 999, -1000, 998.5]))
MASKED = [[0.5, -math.inf, 1, 0.25], [-math.inf, -math.inf, 2, -math.inf]]
torch_case(f, "soft.masked", lambda x: F.softmax(x, -1), x=V(MASKED))
torch_case(f, "log_sum.masked", lambda x: torch.logsumexp(x, -1), x=V(MASKED))
torch_case(f, "entropy_cost.masked", lambda logits, label: F.cross_entropy(logits, label.long(), reduction="none"), logits=V(MASKED), label=whole([2, 2]))
torch_case(f, "log_soft", lambda x: F.log_softmax(x, -1), x=U(2, 7))
torch_case(f, "log_soft.wide_range", lambda x: F.log_softmax(x, -1), x=V([500, 499, -500, 498.5]))
torch_case(f, "log_sum", lambda x: torch.logsumexp(x, -1), x=U(2, 7))
torch_case(f, "log_sum.wide_range", lambda x: torch.logsumexp(x, -1), x=V([800, 799, -100]))
torch_case(f, "squares", lambda a, y: ((a - y) ** 2).sum(-1), a=U(4, 3), y=U(4, 3))
torch_case(f, "entropy_cost", lambda logits, label: F.cross_entropy(logits, label.long(), reduction="none"), logits=U(6, 5), label=I(5, 6))
torch_case(f, "entropy_cost.one", lambda logits, label: F.cross_entropy(logits, label.long()), logits=U(5), label=I(5))
torch_case(f, "binary_cost", lambda logit, target: F.binary_cross_entropy_with_logits(logit, target, reduction="none"),
           logit=V([-40, -1, 0.5, 3, 40]), target=V([0, 1, 0.25, 1, 0]))
torch_case(f, "huber_cost", lambda a, y: (F.huber_loss(a, y, reduction="none"), F.huber_loss(a, y, reduction="none", delta=0.3)), a=U(9), y=U(9))
case(f, "divergence", lambda log_p, log_q: jnp.sum(jnp.exp(log_p) * (log_p - log_q)), log_p=U(5, low=-3, high=0), log_q=U(5, low=-3, high=0))
case(f, "hot", lambda i: jax.nn.one_hot(i, 5, dtype=jnp.float64), i=I(5, 4))

# ---- models.nn --------------------------------------------------------------------------------------------------------

f = "models"
linear = F.linear
torch_case(f, "Affine", lambda layer_weight, layer_bias, x: linear(x, layer_weight, layer_bias),
           **{"layer.weight": U(3, 4), "layer.bias": U(3)}, x=U(4))
torch_case(f, "Affine.rows", lambda layer_weight, layer_bias, x: linear(x, layer_weight, layer_bias),
           **{"layer.weight": U(3, 4), "layer.bias": U(3)}, x=U(17, 4))
torch_case(f, "NoBias", lambda layer_weight, x: linear(x, layer_weight), **{"layer.weight": U(3, 4)}, x=U(2, 4))
torch_case(f, "Perceptron", lambda hidden_weight, hidden_bias, output_weight, output_bias, x:
           linear(torch.tanh(linear(x, hidden_weight, hidden_bias)), output_weight, output_bias),
           **{"hidden.weight": U(5, 4), "hidden.bias": U(5), "output.weight": U(2, 5), "output.bias": U(2)}, x=U(9, 4))
torch_case(f, "Normalised", lambda norm_weight, norm_bias, x: F.layer_norm(x, (6,), norm_weight, norm_bias) * 1,
           **{"norm.weight": U(6), "norm.bias": U(6)}, x=U(5, 6))
torch_case(f, "RootNormalised", lambda norm_weight, x: F.rms_norm(x, (6,), norm_weight, eps=1.1920929e-7),
           **{"norm.weight": U(6)}, x=U(5, 6))
torch_case(f, "Embedded", lambda table_weight, tokens: F.embedding(tokens.long(), table_weight),
           **{"table.weight": U(7, 3)}, tokens=whole([1, 6, 1, 0, 1]))
torch_case(f, "Shared", lambda layer_weight, layer_bias, x: linear(torch.tanh(linear(x, layer_weight, layer_bias)), layer_weight, layer_bias),
           **{"layer.weight": U(3, 3), "layer.bias": U(3)}, x=U(3))


def listed(x, **parameters):
    for i in range(3):
        x = linear(x, parameters[f"blocks_{i}_weight"], parameters[f"blocks_{i}_bias"])
    return x


torch_case(f, "Listed", listed, **{f"blocks.{i}.weight": U(3, 3) for i in range(3)}, **{f"blocks.{i}.bias": U(3) for i in range(3)}, x=U(3))


def nested(x, norm_weight, norm_bias, **p):
    for i in range(2):
        inner = linear(x, p[f"blocks_{i}_inner_weight"], p[f"blocks_{i}_inner_bias"])
        x = x + p[f"blocks_{i}_scale"] * torch.sigmoid(inner)
    return F.layer_norm(x, (3,), norm_weight, norm_bias)


torch_case(f, "Nested", nested, **{f"blocks.{i}.inner.weight": U(3, 3) for i in range(2)},
           **{f"blocks.{i}.inner.bias": U(3) for i in range(2)}, **{f"blocks.{i}.scale": U() for i in range(2)},
           **{"norm.weight": U(3), "norm.bias": U(3)}, x=U(4, 3))
case(f, "Optional", lambda w, b, x: w @ x + b, w=U(3, 3), b=U(3), x=U(3))
case(f, "Methods", lambda w, v, x: (v @ (w @ x)) * (w @ x) + v, w=U(3, 3), v=U(3), x=U(3))


def stepped(layer_weight, layer_bias, x, y):
    cost = lambda w, b: jnp.sum((w @ x + b - y) ** 2)
    w_gradient, b_gradient = jax.grad(cost, (0, 1))(layer_weight, layer_bias)
    return (layer_weight - 0.1 * w_gradient) @ x + layer_bias - 0.1 * b_gradient


case(f, "Stepped", stepped, **{"layer.weight": U(3, 3), "layer.bias": U(3)}, x=U(3), y=U(3))

def attends(heads, causal, before, p, x):
    """The attention of a sequence to itself with the parameters BEFORE_in_proj_weight and so on."""
    d = x.shape[-1]
    layer = torch.nn.MultiheadAttention(d, heads, batch_first=True, dtype=torch.float64)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(x.shape[-2], dtype=torch.float64) if causal else None
    parameters = {name: p[f"{before}_{name.replace('.', '_')}"] for name, _ in layer.named_parameters()}
    return torch.func.functional_call(layer, parameters, (x, x, x), {"attn_mask": mask, "is_causal": causal})[0]


def attention_parameters(path, d):
    return {f"{path}.in_proj_weight": U(3 * d, d), f"{path}.in_proj_bias": U(3 * d), f"{path}.out_proj.weight": U(d, d), f"{path}.out_proj.bias": U(d)}


def transformed(x, **p):
    x = F.layer_norm(x + attends(2, True, "block_self_attn", p, x), (6,), p["block_norm1_weight"], p["block_norm1_bias"])
    inner = linear(F.relu(linear(x, p["block_linear1_weight"], p["block_linear1_bias"])), p["block_linear2_weight"], p["block_linear2_bias"])
    return F.layer_norm(x + inner, (6,), p["block_norm2_weight"], p["block_norm2_bias"])


torch_case(f, "Attends", lambda x, **p: attends(2, False, "attend", p, x), **attention_parameters("attend", 6), x=U(2, 5, 6))
torch_case(f, "AttendsBack", lambda x, **p: attends(3, True, "attend", p, x), **attention_parameters("attend", 6), x=U(4, 6))
torch_case(f, "Transformed", transformed, **attention_parameters("block.self_attn", 6),
           **{"block.linear1.weight": U(5, 6), "block.linear1.bias": U(5), "block.linear2.weight": U(6, 5), "block.linear2.bias": U(6)},
           **{f"block.norm{i}.{name}": U(6) for i in (1, 2) for name in ("weight", "bias")}, x=U(2, 5, 6))

# ---- tensors.nn -------------------------------------------------------------------------------------------------------

f = "tensors"
case(f, "slices", lambda x: (x[3], x[-1], x[1:3], x[0:6:2], x[:, 1:3]), x=U(6, 4))
case(f, "open_slices", lambda x: (x[3:], x[:5], x[-2]), x=U(7))
case(f, "element", lambda x: x[1, 2] * x[-1, -1], x=U(3, 4))
case(f, "block_of", lambda x: x[1:4:2, -3:, 1], x=U(5, 6, 2))
case(f, "gather", lambda x, i: x[i] * 2, x=U(6), i=I(6))
case(f, "gather_many", lambda x, i: x[i], x=U(6), i=whole([3, 0, 3, 5]))
case(f, "gather_rows", lambda x, i: x[i], x=U(6, 3), i=whole([3, 0, 3, 5]))
case(f, "gather_pairs", lambda x, i, j: x[i, j], x=U(4, 3), i=whole([3, 0, 3, 1]), j=whole([2, 0, 2, 1]))
case(f, "gather_column", lambda x, j: x[:, j], x=U(4, 3), j=I(3))
case(f, "gather_constant", lambda x: x[:3] + x[1], x=U(5))
case(f, "joined", lambda a, b: jnp.concatenate((a, b)) * 2, a=U(2, 3), b=U(4, 3))
case(f, "joined_three", lambda a, b, c: jnp.concatenate((a, b, c)), a=U(2), b=U(3), c=U(1))
case(f, "stacked", lambda a, b, c: jnp.stack((a, b * 2, c)), a=U(3), b=U(3), c=U(3))
case(f, "stacked_numbers", lambda a, b: jnp.stack((a, b, a * b)), a=U(), b=U())
case(f, "parted", lambda x: x[0:2] * x[2:4] + x[4:6], x=U(6, 2))
case(f, "reshaped", lambda x: x.reshape(2, 2, 3, 2), x=U(4, 6))
case(f, "flattened", lambda x: x.reshape(-1) * 3, x=U(2, 3, 2))
case(f, "transposed", lambda x: x.transpose(2, 0, 1), x=U(2, 3, 4))
case(f, "primed", lambda x: x.T * 2, x=U(3, 4))
case(f, "reversed", lambda x: x[::-1], x=U(5, 2))
case(f, "padded", lambda x: jnp.pad(x, (1, 2)), x=U(3))
case(f, "padded_matrix", lambda x: jnp.pad(x, ((1, 0), (0, 2))), x=U(2, 3))
case(f, "makers", lambda x: x + jnp.arange(3), x=U(3))
case(f, "several", lambda x: (x[:2] * x[2:], x[:2] - x[2:]), x=U(4))
case(f, "swap", lambda x: jnp.concatenate((x[:2] - x[2:], x[:2] * x[2:])), x=U(4))
case(f, "symmetric", lambda x: (x + x.T) / 2, x=U(3, 3))
case(f, "chained_moves", lambda x: x.reshape(4, 2, 3).transpose(1, 0, 2)[:, 1:3, :].reshape(-1), x=U(4, 6))

# ---- reductions.nn ----------------------------------------------------------------------------------------------------

f = "reductions"
on_rows = each("(n)->()")
case(f, "totals", lambda x: (jnp.sum(x), jnp.mean(x), jnp.prod(x)), x=U(7))
case(f, "totals.rows", lambda x: (jnp.sum(x, -1), jnp.mean(x, -1), jnp.prod(x, -1)), x=U(2, 3, 5))
case(f, "totals.one", lambda x: (x[0], x[0], x[0]), x=U(1))
case(f, "totals.long", lambda x: (jnp.sum(x), jnp.mean(x), jnp.prod(x)), x=U(203, low=0.9, high=1.1))
case(f, "bounds", lambda x: (first_min(x), first_max(x)), x=U(7))
case(f, "bounds.rows", lambda x: (on_rows(first_min)(x), on_rows(first_max)(x)), x=U(4, 19))
case(f, "places", lambda x: (jnp.argmax(x), jnp.argmin(x)), x=U(7))
case(f, "places.rows", lambda x: (jnp.argmax(x, -1), jnp.argmin(x, -1)), x=U(5, 7))
case(f, "tied_bounds", lambda x: (first_min(x), first_max(x)), x=V([2, 1, 3, 3, 1, 3]))
case(f, "tied_places", lambda x: (jnp.argmax(x), jnp.argmin(x)), x=V([2, 1, 3, 3, 1, 3]))
case(f, "product", jnp.prod, x=U(5))
case(f, "product.zero", jnp.prod, x=V([2, 0, 3, -1]))
case(f, "product.two_zeros", jnp.prod, x=V([2, 0, 3, 0]))
case(f, "product.rows", lambda x: jnp.prod(x, -1), x=V([[2, 0, 3], [1, 2, 3], [0, 0, 1]]))
case(f, "rows", lambda x: jnp.sum(x, -1) * on_rows(first_max)(x), x=U(3, 5))
case(f, "all_of_matrix", lambda x: (jnp.sum(x**2), jnp.sum(x)), x=U(3, 5))
case(f, "columns", lambda x: jnp.sum(x * x, 0), x=U(3, 5))
case(f, "mean_of_indices", jnp.mean, x=U(3, 5))
case(f, "extremes_of_indices", lambda x: (jnp.max(x), jnp.min(x)), x=U(3, 5))
case(f, "product_of_indices", lambda x: jnp.prod(1 + x), x=U(4))
case(f, "centred", lambda x: x - jnp.mean(x), x=U(5))
case(f, "centred.rows", lambda x: x - jnp.mean(x, -1, keepdims=True), x=U(3, 5))
case(f, "variance", jnp.var, x=U(6))
case(f, "normalised", lambda x: (x - jnp.mean(x)) / jnp.sqrt(jnp.var(x) + 1e-5), x=U(6))
case(f, "triangle", lambda x: jnp.tril(x).sum(1), x=U(4, 4))
case(f, "masked_softmax", lambda x: softmax(jnp.where(jnp.tril(jnp.ones((4, 4))) > 0, x, -jnp.inf), -1) ** 1, x=U(4, 4))
case(f, "count", lambda x, y: jnp.sum(x > y) * jnp.mean(x), x=U(8), y=U(8))
case(f, "weighted", lambda x: jnp.arange(6) @ x, x=U(6))

# ---- contractions.nn --------------------------------------------------------------------------------------------------

f = "contractions"
case(f, "dot", lambda a, b: a @ b, a=U(5), b=U(5))
case(f, "matrix_vector", lambda a, b: a @ b, a=U(3, 5), b=U(5))
case(f, "vector_matrix", lambda a, b: a @ b, a=U(3), b=U(3, 5))
case(f, "matrix_matrix", lambda a, b: a @ b, a=U(3, 4), b=U(4, 5))
case(f, "matrix_matrix.large", lambda a, b: a @ b, a=U(37, 65), b=U(65, 50))
case(f, "matrix_matrix.thin", lambda a, b: a @ b, a=U(1, 33), b=U(33, 1))
case(f, "batched_matrix", lambda a, b: a @ b, a=U(2, 3, 4), b=U(2, 4, 5))
case(f, "batched_by_one", lambda a, b: a @ b, a=U(2, 3, 4), b=U(4, 5))
case(f, "with_itself", lambda a: a @ a, a=U(4, 4))
case(f, "gram", lambda a: a.T @ a, a=U(3, 4))
case(f, "chain_of_three", lambda a, b, c: a @ b @ c, a=U(2, 3), b=U(3, 4), c=U(4, 2))
case(f, "quadratic", lambda x, a: x @ a @ x, x=U(4), a=U(4, 4))
case(f, "layer", lambda w, a, b: w @ a + b, w=U(3, 4), a=U(4), b=U(3))
case(f, "layer.rows", lambda w, a, b: a @ w.T + b, w=U(3, 4), a=U(6, 4), b=U(3))
case(f, "cost", lambda a, y: jnp.sum((a - y) ** 2), a=U(4), y=U(4))
case(f, "outer", jnp.outer, a=U(3), b=U(4))
case(f, "bilinear", lambda x, w, y: jnp.einsum("i,kij,j->k", x, w, y), x=U(3), w=U(2, 3, 4), y=U(4))
case(f, "trace", jnp.trace, x=U(4, 4))
case(f, "diagonal", jnp.diagonal, x=U(4, 4))
case(f, "transposed_sum", lambda x, y: x + y.T, x=U(3, 4), y=U(4, 3))
case(f, "distances", lambda x, y: jnp.sum((x[:, None] - y[None]) ** 2, -1), x=U(3, 4), y=U(5, 4))


def attention(q, k, v):
    score = jnp.einsum("hic,hjc->hij", q, k) / math.sqrt(3)
    weight = softmax(jnp.where(jnp.tril(jnp.ones((4, 4))) > 0, score, -jnp.inf), -1)
    return jnp.einsum("hij,hjc->hic", weight, v)


case(f, "attention", attention, q=U(2, 4, 3), k=U(2, 4, 3), v=U(2, 4, 3))


def costs_of_pixels(scores, label):
    return logsumexp(scores, axis=0) - jnp.take_along_axis(scores, label[None], 0)[0]


case(f, "costs_of_pixels", costs_of_pixels, scores=U(4, 2, 3), label=I(4, 2, 3))
case(f, "function_of_each", lambda x, w: softmax(x, -1)[:, 0] * (x @ w), x=U(3, 4), w=U(4))
case(f, "table_of_indices", lambda x: x[:, None] * (jnp.arange(3)[:, None] + 2 * jnp.arange(4)[None]), x=U(3))
case(f, "given_range", lambda x: x[:3] ** 2, x=U(5))

# ---- derivatives.nn ---------------------------------------------------------------------------------------------------

f = "derivatives"
grad = jax.grad
number = each("()->()")


def derivative(function, times=1):
    for _ in range(times):
        function = grad(function)
    return number(function)


case(f, "slope", lambda x: 3 * x**2 + jnp.cos(x), x=U(5))
case(f, "curvature", derivative(lambda x: jnp.exp(x) * jnp.sin(2 * x), 2), x=U(5))
case(f, "third", derivative(jnp.tanh, 3), x=U(5))
case(f, "mixed", each("(),()->()")(grad(grad(lambda x, y: jnp.exp(x * y) + x**2 * y**3, 0), 1)), x=U(3, low=-1, high=1), y=U(3, low=-1, high=1))


def laplacian(x, y, w, v):
    u = lambda x, y: v @ jnp.tanh(w @ jnp.stack((x, y)))
    return grad(grad(u, 0), 0)(x, y) + grad(grad(u, 1), 1)(x, y)


case(f, "laplacian", laplacian, x=U(), y=U(), w=U(4, 2), v=U(4))
case(f, "laplacian.points", lambda x, y, w, v: jax.vmap(laplacian, (0, 0, None, None))(x, y, w, v), x=U(6), y=U(6), w=U(4, 2), v=U(4))
case(f, "gradient_of_vector", lambda x, a: (a + a.T) @ x, x=U(4), a=U(4, 4))
case(f, "gradient_norm", lambda x: jnp.sum(9 * x**4), x=U(4))
case(f, "hessian_vector", lambda x, v: jax.hessian(lambda x: jnp.sum(x**4) + jnp.prod(x))(x) @ v, x=U(4), v=U(4))
case(f, "of_bound_name", lambda x: (jnp.cos(x**2) * x**2 + jnp.sin(x**2)) * x, x=U(4))
case(f, "of_last_name", lambda x: 3 * (x**2 + 1) ** 2, x=U(4))
case(f, "of_function", lambda x: 2 * x / (1 + x**2) + jnp.log(1 + x**2), x=U(4))
case(f, "curved", lambda x: jnp.log(1 + x**2), x=U(4))
case(f, "softmax_sensitivity", grad(lambda x: jax.nn.log_softmax(x)[1]), x=U(5))
case(f, "stopped", lambda x: x * jax.lax.stop_gradient(x**2), x=U(4))
case(f, "stopped_inside", lambda x: jax.lax.stop_gradient(x**2), x=U(4))
case(f, "through_choice", lambda x: safely(x > 0, lambda x: 0.5 / jnp.sqrt(x), x, 0.0), x=V([-1, 0, 0.25, 3]))
case(f, "second_through_choice", lambda x: safely(x > 0, lambda x: 1 / x, x, 0.0), x=V([-1, 0, 0.25, 3]))
case(f, "second_of_relu", lambda x: 3 * jax.nn.relu(x) ** 2, x=V([-1, 0, 0.5, 2]))
case(f, "through_max", grad(lambda x: first_max(x) ** 2), x=U(5))
case(f, "through_gather", lambda x, i: jnp.zeros(5).at[i].set(3 * x[i] ** 2), x=U(5), i=I(5))


def normal_derivative(p, w):
    g = grad(lambda p: jnp.sum(jnp.tanh(w @ p)))(p)
    return g / jnp.sqrt(g @ g)


case(f, "normal_derivative", normal_derivative, p=U(2), w=U(5, 2))
case(f, "newton_step", lambda x: x - (x**3 - 2) / (3 * x**2), x=P(4))

# ---- lifting.nn -------------------------------------------------------------------------------------------------------

f = "lifting"
of_number = lambda x, y: x * y + jnp.exp(x)
of_vector = each("(n),(n)->()")(lambda x, y: softmax(x) @ y)
shifted = each("(n),()->(n)")(lambda x, s: x * s - jnp.mean(x))
labelled = each("(n),()->()")(lambda x, i: jax.nn.log_softmax(x)[i])
case(f, "number", of_number, x=U(3, 4), y=U(4))
case(f, "number.reversed", of_number, x=U(4), y=U(2, 3, 4))
case(f, "number.one", of_number, x=U(2, 3), y=U())
case(f, "vector", of_vector, x=U(5), y=U(5))
case(f, "vector.both", of_vector, x=U(3, 5), y=U(3, 5))
case(f, "vector.first", of_vector, x=U(3, 5), y=U(5))
case(f, "vector.second", of_vector, x=U(5), y=U(3, 5))
case(f, "vector.uneven", of_vector, x=U(3, 5), y=U(2, 3, 5))
case(f, "shifted", shifted, x=U(5), s=U())
case(f, "shifted.each", shifted, x=U(3, 5), s=U(3))
case(f, "shifted.number", shifted, x=U(5), s=U(4))
case(f, "shifted.uneven", shifted, x=U(2, 3, 5), s=U(3))
case(f, "labelled", labelled, x=U(4, 5), i=I(5, 4))
case(f, "labelled.indices", labelled, x=U(5), i=I(5, 4))
case(f, "labelled.rows", labelled, x=U(4, 5), i=I(5))
case(f, "matrix", each("(m,n),(n)->(m)")(lambda w, x: w @ x), w=U(3, 4), x=U(6, 4))
case(f, "matrix.matrices", each("(m,n),(n)->(m)")(lambda w, x: w @ x), w=U(6, 3, 4), x=U(4))
case(f, "matrix.both", each("(m,n),(n)->(m)")(lambda w, x: w @ x), w=U(6, 3, 4), x=U(6, 4))
case(f, "pair", lambda x: (jnp.sum(x, -1), x * 2), x=U(3, 4))
case(f, "derived", lambda x, y: 2 * x * jnp.sin(y), x=U(3, 4), y=U(4))
case(f, "derived_vector", lambda x: 2 * logsumexp(x, axis=-1)[:, None] * softmax(x, -1), x=U(3, 4))
case(f, "noisy_shape", lambda x: jnp.concatenate((x, x * 2), -1), x=U(3, 4))
case(f, "concatenated", each("(n),(m)->(k)")(lambda x, y: jnp.concatenate((x, y))), x=U(3, 4), y=U(2))
case(f, "concatenated.both", each("(n),(m)->(k)")(lambda x, y: jnp.concatenate((x, y))), x=U(3, 4), y=U(3, 2))
case(f, "sliced", lambda x: x[:, 1:4] * x[:, :1], x=U(3, 5))
case(f, "indexed", lambda x: x[:, :, None] - x[:, None, :], x=U(2, 4))
case(f, "inner_calls", of_vector, x=U(3, 4), y=U(4))
case(f, "inner_calls.lifted", of_vector, x=U(2, 3, 4), y=U(4))
case(f, "inner_matrix_calls", of_number, x=U(3, 4), y=U(3, 4))
case(f, "repeated", lambda x, s: shifted(x, jnp.sum(x, -1)) + of_number(x, s), x=U(3, 4), s=U(4))
case(f, "padded_row", lambda x: jnp.pad(x, ((0, 0), (1, 1))), x=U(3, 4))

# ---- conversions.nn ---------------------------------------------------------------------------------------------------

f = "conversions"
i32 = lambda value: jnp.asarray(value, jnp.int32)
case(f, "counted", lambda x, p: x * p + p, x=U(6), p=B(6))
case(f, "index_arithmetic", lambda i, j: (i32(i + j), i32(i * j), i32(i - j)), i=I(5, 6), j=I(7, 6))
case(f, "index_quotient", lambda i, j: i.astype(jnp.float64) / j, i=I(5, 4), j=whole([2, -3, 4, 7]))
case(f, "integers", lambda a, b: (i32(a * b - 3), i32(-a), a < b), a=whole([5, -7, 100000]), b=whole([2, 9, -4]))
case(f, "scaled", lambda i, x: i * x, i=I(5, 4), x=U(4))
case(f, "to_class", lambda x: i32(jnp.clip(jnp.floor(x), 0, 3)), x=V([-5, -0.5, 0, 0.9, 1, 2.5, 3.99, 4, 1e9]))
case(f, "class_row", lambda x, table: table[i32(jnp.clip(jnp.floor(x), 0, 3))] * x, x=V(2.5), table=U(4, 2))
case(f, "dimension", lambda x: x / 5 + 2.5, x=U(5))
case(f, "wrapping", lambda a: a * i32(65536), a=whole([1, 32768, 65537, -40000]))
case(f, "mask_mean", lambda x, keep: jnp.sum(x * keep) / jnp.maximum(jnp.sum(keep), 1), x=U(6), keep=V([True, False, True, True, False, False], bool))
case(f, "mask_mean.none", lambda x, keep: jnp.sum(x * keep) / jnp.maximum(jnp.sum(keep), 1), x=U(3), keep=V([False] * 3, bool))
case(f, "chosen_index", lambda p, i, j: jnp.where(p, i, j), p=B(5), i=I(5, 5), j=I(5, 5))
case(f, "exact_ratio", lambda x: x / 3, x=U(3))

# ---- windows.nn -----------------------------------------------------------------------------------------------------

f = "windows"
case(f, "convolved", lambda w, x: jnp.stack([w @ x[i : i + 3] for i in range(6)]), w=U(3), x=U(8))
case(f, "strided_convolution", lambda w, x: jnp.stack([jnp.sum(w.T * x[2 * i : 2 * i + 3]) for i in range(4)]), w=U(2, 3), x=U(9, 2))
case(f, "differences", jnp.diff, x=U(5))
case(f, "shifted_back", lambda x: x[::-1] * jnp.arange(6), x=U(6))

# ---- sorting.nn -----------------------------------------------------------------------------------------------------

f = "sorting"
case(f, "sorted", jnp.sort, x=U(9))
case(f, "ordered", lambda x: jnp.argsort(x, stable=True), x=V([3, 1, 2, 1, 3, 0]))
case(f, "in_order", lambda x, y: y[jnp.argsort(x, stable=True)] * x, x=U(6), y=U(6))
case(f, "ordered_rows", lambda x: jnp.sort(x, -1) * x, x=U(3, 6))
case(f, "ordered.lifted", lambda x: jnp.argsort(x, -1, stable=True), x=U(2, 3, 40))
case(f, "ordered_whole", lambda i: jnp.argsort(i, stable=True), i=whole([3, -1, 2, -1, 3, 0, 7]))
case(f, "sorted_indices", lambda i, x: (jnp.sort(i), jnp.max(x)), i=I(9, 8), x=U(8))
case(f, "median", lambda x: (jnp.sort(x)[1] + jnp.sort(-x)[1]) * 0.5, x=U(3))
case(f, "second_of_sort", jax.grad(lambda x: jnp.sort(x)[1] ** 3), x=U(4))
case(f, "within_index_notation", lambda x: jnp.sort(x, -1) @ jnp.arange(1.0, 6.0), x=U(3, 5))

# ---- jacobians.nn ---------------------------------------------------------------------------------------------------

f = "jacobians"
case(f, "jacobian_of", jax.jacrev(lambda x: jnp.stack((x[0] * x[1], jnp.sin(x[2])))), x=U(3))
case(f, "of_matrix", jax.jacrev(lambda x: x @ jnp.array([1.0, 2, 3]) * x[:, 0]), x=U(2, 3))
case(f, "of_number", lambda x: jnp.stack((jnp.cos(x), 3 * x**2, 0 * x)), x=U())
case(f, "hessian", jax.hessian(lambda x: jnp.sum(x**4) + jnp.prod(x)), x=U(4))
case(f, "hessian.lifted", jax.vmap(jax.hessian(lambda x: jnp.sum(x**4) + jnp.prod(x))), x=U(2, 3))
case(f, "of_bound_name", lambda x: jax.jacrev(lambda y: y * jnp.sum(y))(x**2) @ x, x=U(4))
case(f, "determinant", lambda x: 4 * (x @ x), x=U(2))
case(f, "of_a_function", jax.jacrev(softmax), x=U(5))
case(f, "at_points", jax.vmap(lambda p: jnp.sum(jax.jacrev(lambda p: jnp.tanh(p) * p[0])(p))), p=U(3, 4))


def jacobians_of_layer(**inputs):
    w, b, x = inputs["layer_w"], inputs["layer_b"], inputs["x"]
    call = lambda w, b, x: torch.tanh(w @ x + b)
    return torch.autograd.functional.jacobian(call, (w, b, x), create_graph=True)


torch_case(f, "Whole", jacobians_of_layer, **{"layer.w": U(2, 3), "layer.b": U(2), "x": U(3)})

# ---- across.nn ----------------------------------------------------------------------------------------------------------

f = "across"
nll = lambda scores, i: logsumexp(scores) - scores[i]
case(f, "info_nce", lambda a, b: jax.vmap(nll)(a @ b.T / 0.5, jnp.arange(7)), a=U(7, 4), b=U(7, 4))


def nt_xent(a, b):
    z = F.normalize(torch.cat([a, b]), dim=1)
    n = len(a)
    scores = (z @ z.T / 0.5).masked_fill(torch.eye(2 * n, dtype=torch.bool), -torch.inf)
    cost = F.cross_entropy(scores, torch.cat([torch.arange(n) + n, torch.arange(n)]), reduction="none")
    return (cost[:n] + cost[n:]) / 2


torch_case(f, "nt_xent", nt_xent, a=U(6, 4), b=U(6, 4))
case(f, "centred", lambda x: x - jnp.mean(x), x=U(5))
case(f, "ranked", lambda x: jnp.argsort(x, stable=True) * x, x=U(8))
case(f, "sorted", lambda x: jnp.sort(x) * x, x=U(8))
case(f, "attended", lambda x: softmax(x @ x.T, -1) @ x * x, x=U(5, 3))
case(f, "greatest", lambda x: first_max(x) * x, x=U(5))
case(f, "of_size", lambda x: 5 * x, x=U(5))
case(f, "products", lambda x: x * jnp.sum(x**2) + 1 / 5 + x * first_max(x) ** 2, x=U(5))
case(f, "over_time", lambda x: jnp.mean(x, (0, 1)) * x[:, 0], x=U(4, 3, 2))
case(f, "indices", lambda x, i: (jnp.broadcast_to(i, (5, 5)), x + 0), x=U(5), i=I(4, 5))
case(f, "variance", lambda x: jnp.broadcast_to(jnp.var(x), (5,)), x=U(5))
case(f, "slope_of_mean", lambda x, w: x * jnp.mean(x * jnp.cos(w * x)), x=U(5), w=U())
case(f, "slope_of_variance", lambda x: 2 * (x - jnp.mean(x)) / 5, x=U(5))


def slope_of_loop(x, w):
    def value(w):
        b = jnp.zeros(len(x))
        for xi in x.T:
            b = jnp.tanh(w * xi + b)
        return jnp.mean(b) + 0.1 * w ** x.shape[1]

    return grad(value)(w) * x[:, 0]


def places(x):
    s = jnp.zeros(len(x))
    for xi in x.T:
        s = jnp.tanh(s + xi * xi + jnp.arange(len(x)) / 4)
    return s + jnp.mean(s)


case(f, "slope_of_loop", slope_of_loop, x=U(3, 6), w=U())
case(f, "places", places, x=U(3, 6))


def adapted(w, x, y, q):
    cost = lambda w: jnp.mean((jnp.tanh(x @ w) - y) ** 2)
    fast = w - 0.5 * grad(cost)(w)
    return jnp.tanh(q @ (fast - 0.25 * grad(cost)(fast)))


def descended_together(w, x, y):
    cost = lambda w: jnp.mean((jnp.tanh(x @ w) - y) ** 2)
    for _ in range(6):
        w = w - 0.25 * grad(cost)(w)
    return jnp.tanh(x @ w)


case(f, "Descended", descended_together, **{"inner.w": U(3), "x": U(6, 3), "y": U(6)})
case(f, "Adapted", adapted, **{"inner.w": U(3), "x": U(6, 3), "y": U(6), "q": U(6, 3)})

# ---- instances.nn -------------------------------------------------------------------------------------------------------

f = "instances"


def net_inputs(name, n=3):
    cells = ["cells.0", "cells.1", "last"]
    return {f"{name}.{cell}.{part}": U(*shape, low=-1, high=1) for cell in cells for part, shape in (("w", (n, n)), ("b", (n,)))} | {
        f"{name}.scale": U()
    }


def net(p, x):
    for cell in ("cells_0", "cells_1", "last"):
        x = torch.tanh(p[f"{cell}_w"] @ x + p[f"{cell}_b"])
    return x.sum() * p["scale"]


parameters = lambda inputs, name: {k.removeprefix(name + "_"): v for k, v in inputs.items() if k.startswith(name + "_")}


def slopes(cost, p):
    return dict(zip(p, torch.autograd.grad(cost, list(p.values()), create_graph=True)))


def descended(p, cost, rate=0.1):
    return {k: p[k] - rate * g for k, g in slopes(cost, p).items()}


def twice(x, **inputs):
    p = parameters(inputs, "net")
    times = lambda a: {k: a * v for k, v in p.items()}
    return net(descended(p, net(p, x) ** 2), x) + net(times(2), x) * net(times(0.75), x) - net(times(-1), x)


torch_case(f, "Twice", twice, **net_inputs("net"), x=U(3))


def three_steps(x, y, q, **inputs):
    p = parameters(inputs, "net")
    for _ in range(3):
        p = descended(p, (net(p, x) - y) ** 2)
    return net(p, q)


torch_case(f, "Adapted", three_steps, **net_inputs("net"), x=U(3), y=U(), q=U(3))


def six_steps(x, y, **inputs):
    p = parameters(inputs, "net")
    for _ in range(6):
        p = descended(p, (net(p, x) - y) ** 2, 0.01)
    return net(p, x)


torch_case(f, "Descended", six_steps, **net_inputs("net"), x=U(3), y=U())


def parts(x, **inputs):
    p = parameters(inputs, "net")
    g = slopes(net(p, x), p)
    moved = {k: p[k] + g[k] for k in p}
    cell = lambda name: torch.tanh(moved[f"{name}_w"] @ x + moved[f"{name}_b"])
    by_net = slopes(net(moved, x) ** 2, p)["last_b"]
    return cell("last"), cell("cells_1"), moved["scale"] + 0, moved["cells_0_w"] @ x, net(moved, x) / moved["scale"], by_net


torch_case(f, "Parts", parts, **net_inputs("net"), x=U(3))


def norm(x, **inputs):
    p = parameters(inputs, "net")
    g = slopes(net(p, x), p)
    return g["scale"] ** 2 + (g["last_w"] ** 2).sum() + (g["cells_0_w"] * g["cells_1_w"]).sum()


torch_case(f, "Norm", norm, **net_inputs("net"), x=U(3))


def followed(x, **inputs):
    a, b = parameters(inputs, "follower"), parameters(inputs, "leader")
    return net({k: 0.9 * a[k] + 0.1 * b[k] for k in a}, x)


torch_case(f, "Followed", followed, **net_inputs("leader"), **net_inputs("follower"), x=U(3))

# ---- adjoints.nn ----------------------------------------------------------------------------------------------------

f = "adjoints"
case(f, "straight", lambda x: x + jax.lax.stop_gradient(jnp.round(x) - x), x=V([-1.2, 0.3, 2.7]))
case(f, "straight_through", lambda x: x * (x + jax.lax.stop_gradient(jnp.round(x) - x)), x=V([-1.2, 0.3, 2.7]))

# ---- convolutions.nn -----------------------------------------------------------------------------------------------------

f = "convolutions"


def image(x):
    """A batch of images, of one where there is one, and what takes the batch away again."""
    return (x, lambda y: y) if x.dim() == 4 else (x[None], lambda y: y[0])


def convolved(**options):
    def function(x, k, t):
        images, back = image(x)
        return t * back(F.conv2d(images, k, **options))

    return function


def convolutions(name, options, c, o, size, window, batches=(None, 1, 3), groups=1):
    (h, w), (kh, kw) = size, window
    stride, pad = options.get("stride", 1), options.get("padding", 0)
    dy, dx = options.get("dilation", (1, 1))
    a, b = (h + 2 * pad - dy * (kh - 1) - 1) // stride + 1, (w + 2 * pad - dx * (kw - 1) - 1) // stride + 1
    for batch in batches:
        front = () if batch is None else (batch,)
        suffix = "" if batch is None else f".{batch}"
        torch_case(f, name + suffix, convolved(**options), x=U(*front, c, h, w), k=U(o, c // groups, kh, kw), t=U(*front, o, a, b))


convolutions("plain", {}, 2, 3, (7, 9), (3, 2))
torch_case(f, "plain.wide", convolved(), x=U(2, 3, 12, 20), k=U(17, 3, 5, 5), t=U(2, 17, 8, 16))
torch_case(f, "plain.whole", convolved(), x=U(2, 4, 5), k=U(3, 2, 4, 5), t=U(3, 1, 1))
torch_case(f, "plain.points", convolved(), x=U(3, 5, 4, 6), k=U(2, 5, 1, 1), t=U(3, 2, 4, 6))
torch_case(f, "plain.images_and_weights", lambda x, k, t: t * torch.stack([F.conv2d(a[None], b)[0] for a, b in zip(x, k)]),
           x=U(3, 2, 5, 6), k=U(3, 4, 2, 3, 3), t=U(3, 4, 3, 4))
torch_case(f, "plain.weights", lambda x, k, t: t * torch.stack([F.conv2d(x[None], b)[0] for b in k]),
           x=U(2, 5, 6), k=U(3, 4, 2, 3, 3), t=U(3, 4, 3, 4))
convolutions("padded", {"padding": 2}, 3, 2, (5, 6), (3, 5))
convolutions("strided", {"stride": 2, "padding": 1}, 2, 4, (8, 7), (3, 3))
convolutions("far_strided", {"stride": 3}, 2, 3, (11, 9), (2, 4))
convolutions("grouped", {"padding": 1, "groups": 2}, 4, 6, (6, 5), (3, 3), groups=2)
convolutions("depthwise", {"stride": 2, "padding": 1, "groups": 3}, 3, 3, (6, 7), (3, 3), groups=3)
convolutions("dilated", {"dilation": (2, 3)}, 2, 3, (8, 11), (3, 3))
torch_case(f, "of_vectors", lambda x, k, t: t * F.conv1d(x, k, stride=2), x=U(3, 2, 10), k=U(4, 2, 3), t=U(3, 4, 4))
torch_case(f, "of_volumes", lambda x, k, t: t * F.conv3d(x, k, stride=(1, 2, 1)), x=U(2, 2, 4, 6, 5), k=U(3, 2, 2, 3, 3), t=U(2, 3, 3, 2, 3))
torch_case(f, "transposed", lambda y, k: F.conv_transpose2d(y.detach()[None], k, stride=2)[0] + 0 * y.sum(), y=U(3, 3, 4), k=U(3, 2, 3, 3))
torch_case(f, "flipped", lambda x, k: F.conv1d(x[:, None], k.flip(0)[None, None])[:, 0] ** 2, x=U(4, 8), k=U(3))
torch_case(f, "diagonals", lambda x: torch.stack([torch.stack([x[i, 2 * p + i] for p in range(3)]) for i in range(4)]) ** 2, x=U(4, 8))
torch_case(f, "second_differences", lambda x: torch.diff(x**2, n=2), x=U(6))
torch_case(f, "in_a_loop", lambda x: sum((k + 1) * x[k : k + 4] ** 2 for k in range(3)), x=U(6))
torch_case(f, "range_of_the_rest", lambda x, k: sum(x[2 * i + p] ** 2 * k[p] * x[i + 1] for i in range(4) for p in range(3)), x=U(9), k=U(3))
torch_case(f, "shifted_tensor", lambda x: x[1::2] ** 2, x=U(7))
for batch in ("", ".batch"):
    front = (3,) if batch else ()
    torch_case(f, "largest" + batch, lambda x, t: t * F.max_pool2d(x, 2), x=U(*front, 2, 7, 8), t=U(*front, 2, 3, 4))
    torch_case(f, "largest_overlapping" + batch, lambda x, t: t * F.max_pool2d(x, 3, stride=2), x=U(*front, 2, 7, 8), t=U(*front, 2, 3, 3))
    torch_case(f, "largest_of_equals" + batch, lambda x: F.max_pool2d(F.relu(x), 3, stride=1), x=U(*front, 2, 5, 6, low=-3, high=1))
    torch_case(f, "average" + batch, lambda x, t: t * F.avg_pool2d(x, 2), x=U(*front, 2, 7, 8), t=U(*front, 2, 3, 4))
    torch_case(f, "average_overlapping" + batch, lambda x, t: t * F.avg_pool2d(x, 3, stride=2), x=U(*front, 2, 7, 8), t=U(*front, 2, 3, 3))


def penalty_of(function):
    def penalty(x, k):
        images, back = image(x)
        (g,) = torch.autograd.grad(function(images, k).sum(), images, create_graph=True)
        return back((g**2).sum((1, 2, 3)))

    return penalty


penalty = penalty_of(lambda x, k: torch.tanh(F.conv2d(x, k, stride=2, padding=1)))
pooled_penalty = penalty_of(lambda x, k: F.max_pool2d(torch.tanh(F.conv2d(x, k)), 3, stride=1) ** 2)
for batch in ("", ".batch"):
    front = (3,) if batch else ()
    torch_case(f, "penalty" + batch, penalty, x=U(*front, 2, 6, 5), k=U(3, 2, 3, 3, low=-0.5, high=0.5))
    torch_case(f, "pooled_penalty" + batch, pooled_penalty, x=U(*front, 2, 6, 7), k=U(3, 2, 2, 3, low=-0.5, high=0.5))

torch_case(f, "Convolved", lambda layer_weight, layer_bias, x: F.conv2d(x, layer_weight, layer_bias, stride=2, padding=1) ** 2,
           **{"layer.weight": U(4, 3, 3, 3), "layer.bias": U(4)}, x=U(2, 3, 7, 6))
torch_case(f, "Separable", lambda depth_weight, point_weight, point_bias, x:
           F.conv2d(torch.tanh(F.conv2d(x, depth_weight, padding=1, groups=4)), point_weight, point_bias),
           **{"depth.weight": U(4, 1, 3, 3), "point.weight": U(2, 4, 1, 1), "point.bias": U(2)}, x=U(3, 4, 5, 6))


def normalised_image(norm_weight, norm_bias, norm_running_mean, norm_running_var, x):
    """torch.nn.BatchNorm2d in evaluation, written out: it has no gradient of its running statistics."""
    weight, bias, mean, variance = (v[:, None, None] for v in (norm_weight, norm_bias, norm_running_mean, norm_running_var))
    return ((x - mean) / torch.sqrt(variance + 1e-5) * weight + bias) ** 2


torch_case(f, "NormalisedImage", normalised_image,
           **{"norm.weight": U(3), "norm.bias": U(3), "norm.running_mean": U(3), "norm.running_var": P(3)}, x=U(2, 3, 4, 5))

# ---- loops.nn ---------------------------------------------------------------------------------------------------------

f = "loops"


def recurrent(xs, w, u, b):
    h, out = b, []
    for i in range(xs.shape[-2]):
        h = jnp.tanh(xs[..., i, :] @ w.T + h @ u.T + b)
        out.append(h)
    return jnp.stack(out, -2)


def last_of(xs, w):
    h = xs[0]
    for x in xs:
        h = jnp.tanh(w @ h) * x
    return h


def numbered(x, a):
    s = 1.0
    for i in range(10):
        s = s * jnp.sum(x * a) / (i + 1)
    return s


def nested(xs, w):
    h = w[0]
    for row in xs:
        g = h
        for x in row:
            g = jnp.tanh(w @ g + x * h)
        h = h + g
    return h


def two_carried(xs, w):
    a, b, collected, sums = jnp.zeros(3), jnp.ones(3), [], []
    for i, x in enumerate(xs):
        a, b = jnp.tanh(w @ b + x), a + 0.5 * b
        collected.append(a * b)
        sums.append(jnp.sum(a) / (i + 1))
    return jnp.stack(collected), jnp.stack(sums), a, b * len(xs)


def gathered(table, tokens):
    h = jnp.zeros(table.shape[1])
    for token in tokens:
        h = jnp.tanh(0.5 * h + table[token] * table[0])
    return h


def gradient_of_loop(x, w):
    def last(x):
        for _ in range(7):
            x = jnp.tanh(w @ x)
        return jnp.sum(x)

    return jnp.sum(jax.grad(last)(x) ** 2) + last(x)


def gradient_in_loop(xs, a, w):
    h = a
    for x in xs:
        h = h - 0.1 * jax.grad(lambda h: jnp.sum((jnp.tanh(w @ h) - x) ** 2) / 2)(h)
    return h


def spiral(y, a):
    turned = lambda y: jnp.stack([-y[1], y[0] - 0.1 * y[1] ** 3])
    for _ in range(8):
        y = y + 0.1 * turned(y + 0.05 * turned(y))
    return y * a


def remembered(x, w):
    e = lambda x: jnp.sum(jnp.tanh(w @ jnp.tanh(w @ x)) ** 2)
    return e(x) + jnp.sum(jax.grad(e)(x) * x)


case(f, "recurrent", recurrent, xs=U(7, 3), w=U(4, 3), u=U(4, 4), b=U(4))
case(f, "recurrent.lifted", recurrent, xs=U(5, 6, 3), w=U(4, 3), u=U(4, 4), b=U(4))
case(f, "recurrent.long", recurrent, xs=U(120, 2), w=U(3, 2), u=U(3, 3), b=U(3))
case(f, "last_of", last_of, xs=U(9, 3), w=U(3, 3))
case(f, "numbered", numbered, x=P(3), a=P())
case(f, "nested", nested, xs=U(5, 6, 3), w=U(3, 3))
case(f, "mapped", lambda xs, w: jnp.tanh(xs @ w.T) * xs, xs=U(8, 3), w=U(3, 3))
case(f, "two_carried", two_carried, xs=U(6, 3), w=U(3, 3))
case(f, "gathered", gathered, table=U(5, 3), tokens=I(5, 9))
case(f, "accumulated", lambda xs, big: sum(jnp.sum(jnp.sin(big * x)) for x in xs), xs=U(6, 3), big=U(3, 3))
case(f, "gradient_of_loop", gradient_of_loop, x=U(3), w=U(3, 3))
case(f, "gradient_in_loop", gradient_in_loop, xs=U(6, 3), a=U(3), w=U(3, 3))
case(f, "unrolled", lambda x: sum(jnp.sum(x) ** i for i in range(3)) + sum(jnp.sum(x[i:]) for i in range(3)), x=U(4))
case(f, "spiral", spiral, y=U(2), a=U())
case(f, "remembered", remembered, x=U(3), w=U(3, 3))
case(f, "around_zero", lambda x, a: jnp.stack([jnp.sin(a * i) * x[i + 4] for i in range(-4, 4)]), x=U(8), a=U())
