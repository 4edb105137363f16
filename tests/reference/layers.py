"""The models of layers.nn by PyTorch's modules, whose state_dict has the names that ours have (see make.py)."""

import torch
from make import F, I, P, U, V, torch_case, whole
from torch import nn

f = "layers"
torch.backends.cuda.enable_flash_sdp(False)  # of the CPU too: attention in parts, whose gradient can be differentiated
torch.backends.mha.set_fastpath_enabled(False)  # it takes no gradients of parameters that are not the module's own


def parameters(module, prefix=""):
    """An input for every tensor of a module, positive for a variance."""
    draw = lambda name, tensor: P(*tensor.shape) if name.endswith("running_var") else U(*tensor.shape, low=-0.8, high=0.8)
    renamed = lambda name: name.removesuffix("_l0")
    return {prefix + renamed(name): draw(name, tensor) for name, tensor in module.state_dict().items() if tensor.is_floating_point()}


def applied(make, forward=None):
    """A function of the parameters and inputs that calls the module (or forward(module, …)) with them."""
    module = make().double().train(False)

    def function(**values):
        names = {name.removesuffix("_l0").replace(".", "_"): name for name, t in module.state_dict().items() if t.is_floating_point()}
        given = {full: values.pop(short) for short, full in names.items()}
        inputs = tuple(v.long() if v.dtype == torch.int32 else v for v in values.values())
        return torch.func.functional_call(Calling(module, forward), {"module." + k: v for k, v in given.items()}, inputs)

    return module, function


class Calling(nn.Module):
    def __init__(self, module, forward):
        super().__init__()
        self.module, self.step = module, forward or (lambda module, *inputs: module(*inputs))

    def forward(self, *inputs):
        return self.step(self.module, *inputs)


def layer(name, make, forward=None, suffix="", **inputs):
    module, function = applied(make, forward)
    torch_case(f, name + suffix, function, **parameters(module), **inputs)


def tree(**children):
    return lambda: nn.ModuleDict(children)


def single(name):
    return lambda module, x: module[name](x)


def causal(t):
    return torch.triu(torch.full((t, t), -torch.inf, dtype=torch.float64), 1)


# BatchNorm's statistics are formulas here, so that their gradients, which modules do not have, are tested too.
def evaluated(norm_weight, norm_bias, norm_running_mean, norm_running_var, x):
    axes = (...,) + (None,) * (2 if x.dim() > 2 else 0)
    part = lambda v: v[axes]
    return (x - part(norm_running_mean)) / torch.sqrt(part(norm_running_var) + 1e-5) * part(norm_weight) + part(norm_bias)


statistics = {"norm.weight": U(3), "norm.bias": U(3), "norm.running_mean": U(3), "norm.running_var": P(3)}
torch_case(f, "Evaluated", evaluated, **statistics, x=U(4, 3))
torch_case(f, "EvaluatedImage", evaluated, **statistics, x=U(2, 3, 4, 5))

layer("Convolution", tree(conv=nn.Conv2d(4, 6, 3)), single("conv"), x=U(2, 4, 5, 6))
layer("Strided", tree(conv=nn.ModuleDict({"conv": nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)})), lambda m, x: m["conv"]["conv"](x), x=U(2, 4, 7, 6))
layer("Depthwise", tree(conv=nn.Conv2d(4, 8, 3, padding=2, groups=4, bias=False)), single("conv"), x=U(2, 4, 5, 4))


def digits(norm_running_mean, norm_running_var, norm_weight, norm_bias, first_weight, first_bias, second_weight, second_bias, output_weight, output_bias, x):
    h = F.conv2d(x, first_weight, first_bias, padding=1)
    h = evaluated(norm_weight, norm_bias, norm_running_mean, norm_running_var, h)
    h = F.gelu(F.conv2d(F.max_pool2d(F.relu(h), 2), second_weight, second_bias, stride=2))
    return F.linear(h.flatten(1), output_weight, output_bias)


part = lambda *shape: U(*shape, low=-0.5, high=0.5)
torch_case(f, "Digits", digits, **{"norm.running_mean": U(4), "norm.running_var": P(4), "norm.weight": U(4), "norm.bias": U(4), "first.weight": part(4, 1, 3, 3),
           "first.bias": U(4), "second.weight": part(6, 4, 3, 3), "second.bias": U(6), "output.weight": part(5, 24), "output.bias": U(5)}, x=U(3, 1, 12, 12))
pools = lambda x: (F.max_pool2d(x, 2), F.max_pool2d(x, 3, stride=1), F.avg_pool2d(x, 2), F.avg_pool2d(x, 3, stride=2))
torch_case(f, "pooled", pools, x=U(2, 6, 7))
torch_case(f, "pooled.batch", pools, x=U(3, 2, 7, 5))

recurrent = lambda module, x: module["cells"](x)[0]
for name, kind in {"Recurrent": nn.RNN, "Gated": nn.GRU, "Remembering": nn.LSTM}.items():
    layer(name, tree(cells=kind(3, 4, batch_first=True)), recurrent, xs=U(6, 3))
    layer(name, tree(cells=kind(3, 4, batch_first=True)), recurrent, suffix=".batch", xs=U(3, 5, 3))
layer("Remembering", tree(cells=nn.LSTM(3, 4, batch_first=True)), recurrent, suffix=".long", xs=U(40, 3))
layer("Stacked", tree(lower=nn.LSTM(3, 4, batch_first=True), upper=nn.GRU(4, 2, batch_first=True)),
      lambda m, x: m["upper"](m["lower"](x)[0])[0], xs=U(2, 6, 3))


def attended(masked):
    def forward(module, x):
        return module["attend"](x, x, x, need_weights=False, attn_mask=causal(x.shape[-2]) if masked else None)[0]

    return forward


for suffix, front in {"": (), ".batch": (3,)}.items():
    layer("Attending", tree(attend=nn.MultiheadAttention(8, 4, batch_first=True)), attended(False), suffix=suffix, x=U(*front, 5, 8))
    layer("AttendingCausally", tree(attend=nn.MultiheadAttention(8, 2, batch_first=True)), attended(True), suffix=suffix, x=U(*front, 6, 8))

block = lambda d, heads, hidden: nn.TransformerEncoderLayer(d, heads, hidden, batch_first=True)


def transformer(module, x, y):
    h = module["tokens"](x) + module["places"](torch.arange(x.shape[-1]))
    for b in module["blocks"]:
        h = b(h, src_mask=causal(x.shape[-1]))
    logits = module["head"](module["norm"](h))
    return F.cross_entropy(logits.transpose(-1, -2), y, reduction="none").mean(-1) if x.dim() > 1 else F.cross_entropy(logits, y)


language_model = tree(tokens=nn.Embedding(11, 8), places=nn.Embedding(16, 8), blocks=nn.ModuleList(block(8, 2, 12) for _ in range(2)),
                      norm=nn.LayerNorm(8), head=nn.Linear(8, 11, bias=False))
layer("Transformer", language_model, transformer, x=I(11, 7), y=I(11, 7))
layer("Transformer", language_model, transformer, suffix=".batch", x=I(11, 3, 7), y=I(11, 3, 7))
layer("Encoder", tree(block=block(6, 3, 10)), single("block"), x=U(4, 6))
layer("Encoder", tree(block=block(6, 3, 10)), single("block"), suffix=".batch", x=U(3, 4, 6))
norms = tree(layer=nn.LayerNorm(5), root=nn.RMSNorm(5, eps=1.1920929e-7))
layer("Normed", norms, lambda m, x: (m["layer"](x), m["root"](x), m["layer"](m["root"](x))), x=U(4, 5))
layer("Dropped", tree(layer=nn.Linear(4, 4)), lambda m, x: m["layer"](m["layer"](x)), x=U(3, 4))


def penalty(forward, cost):
    def function(module, x):
        (g,) = torch.autograd.grad(cost(forward(module, x)).sum(), x, create_graph=True)
        return (g**2).sum()

    return function


layer("GatedPenalty", tree(cells=nn.GRU(2, 3, batch_first=True)), penalty(recurrent, lambda y: y**2), xs=U(4, 2))
layer("AttentionPenalty", tree(attend=nn.MultiheadAttention(4, 2, batch_first=True)), penalty(attended(True), lambda y: y**2), x=U(5, 4))
layer("TransformerPenalty", tree(block=block(4, 2, 3)), penalty(single("block"), torch.sin), x=U(3, 4))
layer("NormPenalty", tree(norm=nn.LayerNorm(4), root=nn.RMSNorm(4, eps=1.1920929e-7)), penalty(lambda m, x: (m["norm"](x), m["root"](x)), lambda y: y[0]**3 + y[1]**3), x=U(4))
