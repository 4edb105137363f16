"""The models of compositions.nn a second time, by PyTorch (see make.py)."""

import torch
from make import F, U, torch_case

f = "compositions"
derivative = lambda y, x: torch.autograd.grad(y.sum(), x, create_graph=True)[0]
part = lambda *shape: U(*shape, low=-1.5, high=1.5)
layers = {f"net.layers.{i}.{name}": part(*shape) for i in range(3) for name, shape in (("weight", (3, 3)), ("bias", (3,)))}


def net(p, x):
    for i in range(3):
        x = torch.tanh(F.linear(x, p[f"net_layers_{i}_weight"], p[f"net_layers_{i}_bias"]))
    return x


def dense(p, name, x):
    return F.linear(x, p[name + "_weight"], p[name + "_bias"])


def inputs(**shapes):
    """The weight and bias of Dense layers."""
    return {f"{name}.{kind}": part(*shape) for name, (o, i) in shapes.items() for kind, shape in (("weight", (o, i)), ("bias", (o,)))}


def mapped(function):
    return lambda x, **p: torch.stack([function(p, one) for one in x])


def jacobian_cost(p, x):
    j = torch.func.jacrev(lambda x: net(p, x))(x)
    return torch.log((j * j).sum() + 1)


def laplacian(p, x):
    return torch.trace(torch.func.hessian(lambda x: (net(p, x) ** 2).sum())(x))


def burgers(x, t, **p):
    u = dense(p, "out", torch.tanh(dense(p, "hidden", torch.stack([x, t], -1))))[:, 0]
    u_x = derivative(u, x)
    return (derivative(u, t) + u * u_x - 0.01 * derivative(u_x, x)) ** 2


def adapted(xs, ys, xq, yq, **p):
    costs = []
    for b in range(len(xq)):
        fast = p
        for _ in range(3):
            cost = ((net(fast, xs[b]) - ys[b]) ** 2).sum(-1).mean()
            gradients = torch.autograd.grad(cost, list(fast.values()), create_graph=True)
            fast = {name: value - 0.1 * g for (name, value), g in zip(fast.items(), gradients)}
        costs.append(((net(fast, xq[b]) - yq[b]) ** 2).sum())
    return torch.stack(costs)


cells = torch.nn.LSTM(2, 3, batch_first=True).double()


def recurrent_penalty(xs, **p):
    parameters = {name.removeprefix("cells_") + "_l0": value for name, value in p.items()}
    e = torch.func.functional_call(cells, parameters, (xs,))[0][:, -1].sum(-1)
    return (derivative(e, xs) ** 2).sum((1, 2)) + e


def image_penalty(x, a_weight, a_bias, o_weight, o_bias):
    h = F.max_pool2d(F.softplus(F.conv2d(x, a_weight, a_bias, padding=1)), 2)
    g = derivative(F.linear(h.flatten(1), o_weight, o_bias), x)
    return (torch.sqrt((g**2).sum((1, 2, 3))) - 1) ** 2


def solved(x, **p):
    field, h = lambda x: dense(p, "f2", torch.tanh(dense(p, "f1", x))), 0.1
    for _ in range(20):
        k1 = field(x)
        k2 = field(x + h / 2 * k1)
        k3 = field(x + h / 2 * k2)
        k4 = field(x + h * k3)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x


def flow(p, x):
    move = lambda x: x + torch.tanh(dense(p, "net", x))
    return torch.log(abs(torch.det(torch.func.jacrev(move)(x)))) - move(x) @ move(x) / 2


def critic(x, y, e, **p):
    z = e[:, None] * x + (1 - e[:, None]) * y
    g = derivative(net(p, z), z)
    return (torch.sqrt((g**2).sum(-1)) - 1) ** 2 + net(p, x).sum(-1) - net(p, y).sum(-1)


torch_case(f, "JacobianCost", mapped(jacobian_cost), **layers, x=part(4, 3))
torch_case(f, "Laplacian", mapped(laplacian), **layers, x=part(4, 3))
torch_case(f, "Burgers", burgers, **inputs(hidden=(8, 2), out=(1, 8)), x=part(6), t=part(6))
torch_case(f, "Adapted", adapted, **layers, xs=part(3, 5, 3), ys=part(3, 5, 3), xq=part(3, 3), yq=part(3, 3))
torch_case(f, "RecurrentPenalty", recurrent_penalty,
           **{"cells." + name: part(*t.shape) for full, t in cells.named_parameters() for name in [full.removesuffix("_l0")]}, xs=part(3, 6, 2))
torch_case(f, "ImagePenalty", image_penalty, **{"a.weight": part(3, 1, 3, 3), "a.bias": part(3)}, **inputs(o=(1, 12)), x=part(3, 1, 4, 4))
torch_case(f, "Solved", solved, **inputs(f1=(4, 2), f2=(2, 4)), x=part(5, 2))
torch_case(f, "Flow", mapped(flow), **inputs(net=(2, 2)), x=part(5, 2))
torch_case(f, "Critic", critic, **layers, x=part(5, 3), y=part(5, 3), e=part(5))
