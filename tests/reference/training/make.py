#!/usr/bin/env python3
"""Writes the files beside it that the .nn programs here need, and what PyTorch makes of the same trainings.

    tests/reference/training/make.py        needs torch and safetensors; the tests themselves do not

data.safetensors are the examples. PROGRAM.start.safetensors (PROGRAM.BLOCK.start.safetensors where the blocks differ) is where a training
starts, and PROGRAM.BLOCK.end.safetensors what torch.optim has made of the parameters after ten steps in f64: both are the state_dict of a
module, a recurrent one's names without their `_l0`, the start with BatchNorm's count of batches as PyTorch saves it. Inputs are numbers that
f32 represents, so that they serve both precisions.
"""

import math
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
F, O = nn.functional, torch.optim
BATCH, STEPS = 4, 10
torch.backends.mha.set_fastpath_enabled(False)
torch.manual_seed(1)
random = torch.Generator().manual_seed(1)


def real(*shape):
    return torch.randn(*shape, generator=random).double()


def index(n, *shape):
    return torch.randint(n, shape, generator=random, dtype=torch.int32)


DATA = {"x": real(40, 6), "y": index(3, 40), "few.x": real(10, 6), "few.y": index(3, 10), "image": real(40, 2, 8, 8), "vector": real(40, 5),
        "target": real(40, 2), "text": index(9, 40, 7), "next": index(9, 40, 7)}


def tensors(module):
    """What PyTorch saves of a module."""
    return {name.replace("_l0", ""): t.clone() for name, t in module.state_dict().items()}


def parameters(module):
    """What a program saves: all but the count of batches, which no module needs."""
    return {name: t for name, t in tensors(module).items() if t.is_floating_point()}


def drawn(module):
    """In f64, every parameter a little off its initial value, so that none is 0 or 1."""
    with torch.no_grad():
        for p in module.float().parameters():
            p += 0.1 * torch.randn(p.shape, generator=random)
    return module.double()


def batches(*names):
    columns = [DATA[name] if DATA[name].is_floating_point() else DATA[name].long() for name in names]
    place = 0
    for _ in range(STEPS):
        place = place if place < len(columns[0]) else 0
        yield [column[place : place + BATCH] for column in columns]
        place += BATCH


def train(module, cost, optimizer, names, norm=None, rate=None):
    for step, rows in enumerate(batches(*names), 1):
        for group in optimizer.param_groups if rate else []:
            group["lr"] = rate(step)
        optimizer.zero_grad()
        cost(module, *rows).backward()
        if norm:
            nn.utils.clip_grad_norm_(module.parameters(), norm)
        optimizer.step()


# ---- optimizers.nn ----------------------------------------------------------------------------------------------------


class Lion(O.Optimizer):
    """Algorithm 2 of arXiv 2302.06675."""

    def __init__(self, parameters, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0):
        super().__init__(parameters, dict(lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                update = torch.sign(group["beta1"] * m + (1 - group["beta1"]) * p.grad)
                p -= group["lr"] * (update + group["weight_decay"] * p)
                m.mul_(group["beta2"]).add_(p.grad, alpha=1 - group["beta2"])


OPTIMIZERS = {
    "plain": (O.SGD, {"lr": 0.1}),
    "pushed": (O.SGD, {"lr": 0.1, "momentum": 0.9}),
    "pushed_and_decayed": (O.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    "decayed": (O.SGD, {"lr": 0.1, "weight_decay": 0.01}),
    "heavy_ball": (O.SGD, {"lr": 0.1, "momentum": 0.9}),
    "adam_by_default": (O.Adam, {}),
    "adam_of_all": (O.Adam, {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
    "adamw_by_default": (O.AdamW, {}),
    "adamw_decayed": (O.AdamW, {"lr": 0.01, "weight_decay": 0.2}),
    "rmsprop_by_default": (O.RMSprop, {}),
    "rmsprop_of_all": (O.RMSprop, {"lr": 0.003, "alpha": 0.9, "momentum": 0.9, "weight_decay": 0.05}),
    "adagrad_by_default": (O.Adagrad, {}),
    "adagrad_of_all": (O.Adagrad, {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.02}),
    "lion_by_default": (Lion, {}),
    "lion_decayed": (Lion, {"lr": 0.001, "weight_decay": 0.1}),
    "clipped": (O.SGD, {"lr": 0.5}),
    "uneven": (O.Adam, {"lr": 0.01}),
    "falling": (O.SGD, {"lr": 0.1}),
    "turning": (O.SGD, {"lr": 0.1}),
    "stepping": (O.SGD, {"lr": 0.1}),
    "fading": (O.SGD, {"lr": 0.1}),
}


def warmed(peak, warmup, floor, shape):
    """A line up to the peak, then from there to the floor by a function from 1 to 0."""
    return lambda step: peak * step / warmup if step < warmup else floor + (peak - floor) * shape((step - warmup) / (STEPS - warmup))


RATES = {
    "falling": warmed(0.2, 3, 0.05, lambda t: 1 - t),
    "turning": warmed(0.2, 4, 0.01, lambda t: (1 + math.cos(math.pi * t)) / 2),
    "stepping": lambda step: 0.2 * 0.5 ** ((step - 1) // 4),
    "fading": lambda step: 0.2 * 0.9 ** (step - 1),
}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.output = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.output(torch.tanh(self.hidden(x)))


def optimizers():
    start = tensors(drawn(Net()))
    save_file(start, HERE / "optimizers.start.safetensors")
    for block, (kind, arguments) in OPTIMIZERS.items():
        net = Net().double()
        net.load_state_dict(start)
        names = ("few.x", "few.y") if block == "uneven" else ("x", "y")
        train(net, lambda net, x, y: F.cross_entropy(net(x), y), kind(net.parameters(), **arguments), names, 0.1 if block == "clipped" else None, RATES.get(block))
        save_file(parameters(net), HERE / f"optimizers.{block}.end.safetensors")


def players():
    def shape(m):
        return nn.ModuleDict({"a": nn.Linear(6, 6), "b": nn.Linear(6, m)})

    both = drawn(nn.ModuleDict({"maker": shape(6), "critic": shape(1)}))
    save_file(tensors(both), HERE / "optimizers.players.start.safetensors")
    maker, critic = (lambda x, net=both[name]: net["b"](torch.tanh(net["a"](x))) for name in both)
    both["critic"]["a"].bias.requires_grad_(False)
    of_critic = O.Adam([p for p in both["critic"].parameters() if p.requires_grad], lr=0.01, betas=(0.5, 0.999))
    of_maker = O.RMSprop(both["maker"].parameters(), lr=0.003)
    told = lambda logit, target: F.binary_cross_entropy_with_logits(logit, torch.full_like(logit, target))
    for (x,) in batches("x"):
        for name, optimizer, cost in (("critic", of_critic, lambda: told(critic(x), 1.0) + told(critic(maker(x).detach()), 0.0)),
                                      ("maker", of_maker, lambda: told(critic(maker(x)), 1.0))):
            both.zero_grad()
            cost().backward()
            nn.utils.clip_grad_norm_(both[name].parameters(), 1.0)
            optimizer.step()
    save_file(parameters(both), HERE / "optimizers.players.end.safetensors")


# ---- layers.nn --------------------------------------------------------------------------------------------------------


def chain(*stages):
    """A forward pass: names are children, all else functions."""

    def forward(module, x):
        for stage in stages:
            x = module[stage](x) if isinstance(stage, str) else stage(x)
            x = x[0] if isinstance(x, tuple) else x
        return x

    return forward


def transformed(module, x):
    mask = torch.triu(torch.full((x.shape[1],) * 2, -math.inf, dtype=torch.float64), 1)
    x = module["table"](x)
    for block in module["blocks"]:
        x = block(x, src_mask=mask)
    return module["output"](x)


def attending(module, x):
    h = module["table"](x)
    return (h + module["attend"](h, h, h, need_weights=False)[0]) @ module["table"].weight.T


def sequence(cells):
    return {"table": nn.Embedding(9, 4), "cells": cells(4, 5, batch_first=True), "output": nn.Linear(5, 9)}, chain("table", "cells", "output")


def apart(make):
    """What `make` gives, drawn without a change to what is drawn after it."""
    with torch.random.fork_rng():
        return make()


def joined(module, x):
    first = torch.tanh(module["first"](x))
    second = F.gelu(module["norm"](module["second"](F.pad(first, (0, -1, 0, -1)))))
    return module["output"](pooled(F.relu(module["third"](torch.cat([first, second], 1)))))


pooled = lambda x: F.max_pool2d(x, 2).flatten(1)
averaged = lambda x: F.avg_pool2d(x, 3, stride=2).flatten(1)
LAYERS = {
    "image": ({"first": nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), "norm1": nn.BatchNorm2d(4), "second": nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False),
               "norm2": nn.BatchNorm2d(4), "output": nn.Linear(16, 3)}, chain("first", "norm1", F.relu, "second", "norm2", F.gelu, pooled, "output")),
    "pooled": ({"first": nn.Conv2d(2, 5, 3, stride=2, padding=2), "output": nn.Linear(20, 3)}, chain("first", F.silu, averaged, "output")),
    "normal": ({"first": nn.Linear(5, 6, bias=False), "batch_norm": nn.BatchNorm1d(6), "middle": nn.Linear(6, 6), "norm": nn.LayerNorm(6),
                "root": nn.RMSNorm(6, eps=1.1920929e-7), "output": nn.Linear(6, 2)},
               chain("first", "batch_norm", F.elu, "middle", "norm", F.softplus, "root", F.leaky_relu, "output")),
    "simple": sequence(nn.RNN),
    "gated": sequence(nn.GRU),
    "remembering": sequence(nn.LSTM),
    "transformer": ({"table": nn.Embedding(9, 8), "blocks": nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 12, dropout=0, batch_first=True) for _ in range(2)),
                     "output": nn.Linear(8, 9)}, transformed),
    "attending": ({"table": nn.Embedding(9, 8), "attend": nn.MultiheadAttention(8, 4, batch_first=True)}, attending),
    # Channels enough to lie innermost in memory, beside what must not: a joined image, one that is flattened.
    "wide": (apart(lambda: {"first": nn.Conv2d(2, 32, 3, stride=2, padding=1), "second": nn.Conv2d(32, 32, 2, padding=1), "norm": nn.BatchNorm2d(32),
                            "third": nn.Conv2d(64, 32, 1), "output": nn.Linear(128, 3)}), joined),
    # Rows of the table long enough for their gradients to be sums by row, before the products that they are made of.
    "spelled": (apart(lambda: {"table": nn.Embedding(9, 40), "cells": nn.LSTM(40, 6, batch_first=True), "output": nn.Linear(6, 9)}),
                chain("table", "cells", "output")),
}
of_classes = lambda scores, y: F.cross_entropy(scores.flatten(0, -2), y.flatten())
of_vectors = lambda a, y: ((a - y) ** 2).sum(-1).mean()
COLUMNS = {"image": ("image", "y"), "wide": ("image", "y"), "pooled": ("image", "y"), "normal": ("vector", "target")}


def layers():
    for block, (children, forward) in LAYERS.items():
        module = drawn(nn.ModuleDict(children)).train()
        save_file(tensors(module), HERE / f"layers.{block}.start.safetensors")
        cost = of_vectors if block == "normal" else of_classes
        optimizer = O.SGD(module.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
        train(module, lambda module, x, y: cost(forward(module, x), y), optimizer, COLUMNS.get(block, ("text", "next")))
        save_file(parameters(module), HERE / f"layers.{block}.end.safetensors")


if __name__ == "__main__":
    save_file(DATA, HERE / "data.safetensors")
    optimizers()
    players()
    layers()
