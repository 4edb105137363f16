"""lstm and gpt: language models on characters."""

import functools

import numpy as np

from .common import Windows, Workload, dense_parameters, dense_rows, jax_cross_entropy, of_batch, uniform_parameters

ALPHABET = b"\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # Shakespeare's plays'
VOCABULARY = len(ALPHABET)


def text_fields(context, real):
    """Windows with one character more than the context: the inputs, and shifted by one the targets."""
    file = real("shakespeare.txt")
    if file is None:
        letters = np.frombuffer(ALPHABET, np.uint8)
        text = np.concatenate((letters, np.random.default_rng(5).choice(letters, 1115394 - VOCABULARY))).tobytes()
    else:
        text = file.read_bytes()
    return {"text": Windows(text, context + 1)}


def torch_text_cost(model, text):
    import torch

    logits = model(text[:, :-1])
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten())


def embedding_parameters(random, rows, width):
    return random.standard_normal((rows, width)).astype(np.float32)


# ---- lstm -------------------------------------------------------------------------------------------------------------

STEPS, INPUTS, HIDDEN = 64, 128, 256


def lstm_torch_model():
    from torch import nn

    class CharModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(VOCABULARY, INPUTS)
            self.lstm = nn.LSTM(INPUTS, HIDDEN, batch_first=True)
            self.out = nn.Linear(HIDDEN, VOCABULARY)

        def forward(self, text):
            return self.out(self.lstm(self.embed(text))[0])

    return CharModel()


def lstm_jax_parameters(random):
    return {
        "embed": embedding_parameters(random, VOCABULARY, INPUTS),
        "lstm": uniform_parameters(random, HIDDEN, (INPUTS, 4 * HIDDEN), (HIDDEN, 4 * HIDDEN), 4 * HIDDEN),
        **dense_parameters(random, out=(HIDDEN, VOCABULARY)),
    }


def lstm_jax_cost(params, text):
    """The inputs' product for all steps at once, and a scan over the steps."""
    import jax
    import jax.numpy as jnp

    w, u, b = params["lstm"]

    def cell(carry, projected):
        h, c = carry
        i, f, g, o = jnp.split(projected + h @ u, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    inputs = text[:, :-1].T  # steps in front
    start = jnp.zeros((len(text), HIDDEN))
    _, hidden = jax.lax.scan(cell, (start, start), params["embed"][inputs] @ w + b)
    return jax_cross_entropy(dense_rows(params["out"], hidden), text[:, 1:].T)


# ---- gpt --------------------------------------------------------------------------------------------------------------

CONTEXT, WIDTH, HEADS, DEPTH = 128, 128, 4, 4


def gpt_torch_model():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def attend(self, x):
            heads = lambda part: part.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)
            q, k, v = map(heads, self.qkv(x).split(WIDTH, dim=-1))
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(mixed.transpose(1, 2).flatten(2))

        def forward(self, x):
            x = x + self.attend(self.norm1(x))
            return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
            self.norm, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

        def forward(self, text):
            return self.out(self.norm(self.blocks(self.embed(text) + self.position(torch.arange(CONTEXT)))))

    return Gpt()


def gpt_jax_parameters(random):
    norm = lambda: (np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32))
    block = lambda: {
        "norm1": norm(),
        "norm2": norm(),
        **dense_parameters(
            random, qkv=(WIDTH, 3 * WIDTH), out=(WIDTH, WIDTH), up=(WIDTH, 4 * WIDTH), down=(4 * WIDTH, WIDTH)
        ),
    }
    return {
        "embed": embedding_parameters(random, VOCABULARY, WIDTH),
        "position": embedding_parameters(random, CONTEXT, WIDTH),
        "blocks": [block() for _ in range(DEPTH)],
        "norm": norm(),
        **dense_parameters(random, out=(WIDTH, VOCABULARY)),
    }


def layer_norm(layer, x, epsilon=1e-5):
    import jax

    weight, bias = layer
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + epsilon) * weight + bias


def attend(block, x):
    """With einsum, which XLA compiles to slightly faster code here than jax.nn.dot_product_attention."""
    import jax
    import jax.numpy as jnp

    q, k, v = jnp.split(dense_rows(block["qkv"], x).reshape(*x.shape[:2], 3 * HEADS, WIDTH // HEADS), 3, axis=2)
    score = jnp.einsum("bihc,bjhc->bhij", q, k) / np.float32(np.sqrt(WIDTH // HEADS))
    score = jnp.where(np.tri(CONTEXT, dtype=bool), score, -jnp.inf)
    mixed = jnp.einsum("bhij,bjhc->bihc", jax.nn.softmax(score), v)
    return dense_rows(block["out"], mixed.reshape(x.shape))


def gpt_jax_cost(params, text):
    import jax

    x = params["embed"][text[:, :-1]] + params["position"]
    for block in params["blocks"]:
        x = x + attend(block, layer_norm(block["norm1"], x))
        hidden = jax.nn.gelu(dense_rows(block["up"], layer_norm(block["norm2"], x)), approximate=False)
        x = x + dense_rows(block["down"], hidden)
    return jax_cross_entropy(dense_rows(params["out"], layer_norm(params["norm"], x)), text[:, 1:])


def gpt_operations(batch):
    """Six a weight and token, and attention's two products with the triangle that a causal mask leaves, backward twice as many."""
    weights = DEPTH * 12 * WIDTH**2 + WIDTH * VOCABULARY
    triangle = DEPTH * 2 * WIDTH * CONTEXT * (CONTEXT + 1) / 2
    return 6.0 * batch * (CONTEXT * weights + triangle)


ENTRIES = (
    Workload(
        name="lstm", batch=32, optimizer="adam", rate=1e-3, fields=functools.partial(text_fields, STEPS),
        torch_model=lstm_torch_model, torch_cost=torch_text_cost, torch_extra=4 * HIDDEN,  # nn.LSTM has two biases
        jax_parameters=lstm_jax_parameters, jax_cost=of_batch(lstm_jax_cost),
        operations=6.0 * 32 * STEPS * (4 * HIDDEN * (INPUTS + HIDDEN) + HIDDEN * VOCABULARY),
        parameters=VOCABULARY * INPUTS + 4 * HIDDEN * (INPUTS + HIDDEN + 1) + HIDDEN * VOCABULARY + VOCABULARY,
    ),
    Workload(
        name="gpt", batch=16, optimizer="adam", rate=1e-3, fields=functools.partial(text_fields, CONTEXT),
        torch_model=gpt_torch_model, torch_cost=torch_text_cost,
        jax_parameters=gpt_jax_parameters, jax_cost=of_batch(gpt_jax_cost),
        operations=gpt_operations(16),
        parameters=(VOCABULARY + CONTEXT) * WIDTH + DEPTH * (12 * WIDTH**2 + 13 * WIDTH) + 2 * WIDTH
        + WIDTH * VOCABULARY + VOCABULARY,
    ),
)
