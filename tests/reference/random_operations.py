"""The statements of random programs: each is drawn for values at hand, with its text in .nn and its value in PyTorch.

A drawing function takes (choose, values, limits, program): a random.Random, {name: array} of all names, {name: n} of the
indices among them, and the program so far. It gives (text, uses, value) or None where nothing fits; `@@` in the text stands for
the name that is bound, and value(values) computes it.
"""

import torch

# Small functions to call, also with more axes than they declare.
HELPERS = """\
fn mixed(x: real, y: real) = x * tanh(y)
fn centred(x: real[n]) = x - mean(x)
fn weighed(x: real[n], s: real) = softmax(x) * s
fn dotted(a: real[n], b: real[n]) = a @ b
fn layered(m: real[n, d], v: real[d]) = tanh(m @ v)
fn slope(x: real) = grad(x^3 * sin(x), x)
fn pull(x: real[n]) = grad(logsumexp(x)^2, x)
fn crossed(a: real[n], b: real[m]) {
  c[i, j] = a[i] * b[j]
  c
}
fn halves(x: real[n]) -> (real, real[n]) = (sum(x), tanh(x))
fn chosen(x: real[n], i: index(n)) = log_softmax(x)[i]
fn rolled(x: real[n], s: real) {
  for e in x { s = tanh(s + e) }
  s
}
fn scanned(x: real[n], s: real) = for e in x { s = 0.5 * s + sin(e * s); yield s * e }
fn moved(w: real[n, n], x: real[n]) {
  for i in 0..3 { x = x + checkpoint(tanh(w @ x)) / (i + 2) }
  x
}
fn descended(x: real[n], y: real[n]) {
  for i in 0..4 { x = x - 0.1 * grad(sum(sin(x) * y) + sum(x^4) / 8, x) }
  x
}
fn bent(x: real[n]) {
  y = tanh(x) * sum(x)
  for _ in 0..2 { y = sin(y) + x }
  jacobian(y, x)
}
fn through(x: real[n]) {
  s = 0
  for e in x { s = s * e + sin(e) }
  grad(s^2, x)
}
"""


def chosen(x, i):
    """log_softmax(x)[i] for rows x and indices i whose leading axes align at their last."""
    x, i = torch.log_softmax(x, -1), i.long()[..., None]
    axes = torch.broadcast_shapes(x.shape[:-1], i.shape[:-1])
    return torch.take_along_dim(x.expand(*axes, x.shape[-1]), i.expand(*axes, 1), -1)[..., 0]


def stopped(x):
    return x.detach().requires_grad_()  # a value of its own, by which grad can still be asked for


def safely(condition, function, x, otherwise):
    """where(condition, function(x), otherwise) with gradients of exactly zero from the branch not taken."""
    return torch.where(condition, function(torch.where(condition, x, 1.0)), otherwise)


def rolled(x, s):
    for i in range(x.shape[-1]):
        s = torch.tanh(s + x[..., i])
    return s


def scanned(x, s):
    collected = []
    for i in range(x.shape[-1]):
        s = 0.5 * s + torch.sin(x[..., i] * s)
        collected.append(s * x[..., i])
    return torch.stack(collected, -1)


def moved_by(w, x):
    for i in range(3):
        x = x + torch.tanh((w * x[..., None, :]).sum(-1)) / (i + 2)
    return x


def descended(x, y):
    for _ in range(4):
        x = x - 0.1 * (torch.cos(x) * y + x**3 / 2)
    return x


def bent(x):
    """The jacobian of sin(sin(y) + x) + x with y = tanh(x)·Σx, by the chain rule."""
    eye = torch.eye(x.shape[-1], dtype=x.dtype)
    y = torch.tanh(x) * x.sum(-1, keepdim=True)
    j = torch.diag_embed((1 - torch.tanh(x) ** 2) * x.sum(-1, keepdim=True)) + torch.tanh(x)[..., None]
    for _ in range(2):
        j = torch.cos(y)[..., None] * j + eye
        y = torch.sin(y) + x
    return j


def through(x):
    """2·s·∂s/∂x with ∂s/∂x_i = (s_{i-1} + cos x_i)·Π_{k > i} x_k."""
    s, slopes = torch.zeros_like(x[..., 0]), []
    for i in range(x.shape[-1]):
        slopes = [slope * x[..., i] for slope in slopes] + [s + torch.cos(x[..., i])]
        s = s * x[..., i] + torch.sin(x[..., i])
    return 2 * s[..., None] * torch.stack(slopes, -1)


# name of the helper: (formals as index letters, function); equal letters are equal extents
CALLS = {
    "mixed": (["", ""], lambda x, y: x * torch.tanh(y)),
    "centred": (["n"], lambda x: x - x.mean(-1, keepdim=True)),
    "weighed": (["n", ""], lambda x, s: torch.softmax(x, -1) * s[..., None]),
    "dotted": (["n", "n"], lambda a, b: (a * b).sum(-1)),
    "layered": (["nd", "d"], lambda m, v: torch.tanh((m * v[..., None, :]).sum(-1))),
    "slope": ([""], lambda x: 3 * x**2 * torch.sin(x) + x**3 * torch.cos(x)),
    "pull": (["n"], lambda x: 2 * torch.logsumexp(x, -1, keepdim=True) * torch.softmax(x, -1)),
    "rolled": (["n", ""], rolled),
    "scanned": (["n", ""], scanned),
    "moved": (["nn", "n"], moved_by),
    "descended": (["n", "n"], descended),
    "bent": (["n"], bent),
    "through": (["n"], through),
    "crossed": (["n", "m"], lambda a, b: a[..., :, None] * b[..., None, :]),
}

UNARY = {
    "exp({} / 4)": lambda x: torch.exp(x / 4),
    "tanh({})": torch.tanh,
    "sigmoid({})": torch.sigmoid,
    "sin({})": torch.sin,
    "cos({})": torch.cos,
    "log(1 + {}^2)": lambda x: torch.log(1 + x**2),
    "sqrt(1 + {}^2)": lambda x: torch.sqrt(1 + x**2),
    "rsqrt(1 + {}^2)": lambda x: torch.rsqrt(1 + x**2),
    "erf({})": torch.erf,
    "softplus({})": lambda x: torch.log(1 + torch.exp(x)),
    "relu({})": torch.relu,
    "leaky_relu({})": lambda x: torch.where(x > 0, x, 0.01 * x),
    "elu({})": lambda x: torch.where(x > 0, x, torch.exp(torch.where(x > 0, 0.0, x)) - 1),
    "gelu({})": lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    "silu({})": lambda x: x * torch.sigmoid(x),
    "abs({})": torch.abs,
    "-{}": torch.neg,
    "{}^2 / 4": lambda x: x**2 / 4,
    "{}^3 / 16": lambda x: x**3 / 16,
    "{} |> tanh |> exp": lambda x: torch.exp(torch.tanh(x)),
    "1 / (2 + sin({}))": lambda x: 1 / (2 + torch.sin(x)),
    "where({0} > 0, sqrt({0}), {0}^2)": lambda x: safely(x > 0, torch.sqrt, x, x**2),
    "where({0} > 0.1, log({0}), 0)": lambda x: safely(x > 0.1, torch.log, x, 0.0),
    "2^({} / 3)": lambda x: 2 ** (x / 3),
    "(1 + {}^2)^0.3": lambda x: (1 + x**2) ** 0.3,
    "stop_gradient({})": stopped,
    "checkpoint(tanh({0}) * {0})": lambda x: torch.tanh(x) * x,
}

BINARY = {
    "{} + {}": lambda a, b: a + b,
    "{} - {}": lambda a, b: a - b,
    "{} * {}": lambda a, b: a * b,
    "{} / (1 + {}^2)": lambda a, b: a / (1 + b**2),
    "max({}, {})": lambda a, b: torch.where(a >= b, a, b),
    "min({}, {})": lambda a, b: torch.where(a <= b, a, b),
    "where({0} < {1}, {0} * {1}, {0} - {1})": lambda a, b: torch.where(a < b, a * b, a - b),
    "where({0} >= {1} and not ({1} > 0.5), sin({0}), {1})": lambda a, b: torch.where((a >= b) & ~(b > 0.5), torch.sin(a), b),
    "(1 + {}^2)^({} / 4)": lambda a, b: (1 + a**2) ** (b / 4),
}

ROWS = {
    "sum({})": lambda x: x.sum(-1),
    "mean({})": lambda x: x.mean(-1),
    "prod({} / 2)": lambda x: (x / 2).prod(-1),
    "max({})": lambda x: x.max(-1).values,
    "min({})": lambda x: x.min(-1).values,
    "softmax({})": lambda x: torch.softmax(x, -1),
    "log_softmax({})": lambda x: torch.log_softmax(x, -1),
    "logsumexp({})": lambda x: torch.logsumexp(x, -1),
    "squared_error({0}, tanh({0}))": lambda x: ((x - torch.tanh(x)) ** 2).sum(-1),
}


def reals(values, limits, fitting=lambda x: True):
    return [name for name, value in values.items() if name not in limits and fitting(value)]


def pick(choose, names):
    """A name, a late one more often."""
    return names[max(choose.randrange(len(names)), choose.randrange(len(names)))] if names else None


def apart(a, b):
    """Whether two arrays differ by more than rounding everywhere, so that no comparison is decided by it."""
    return bool((torch.abs(a - b) > 1e-3).all())


def rows_apart(x):
    """Whether the numbers of each row differ by more than rounding."""
    ordered = x.sort(-1).values
    return x.shape[-1] == 1 or apart(ordered[..., 1:], ordered[..., :-1])


# ---- the drawing functions --------------------------------------------------------------------------------------------


def unary(choose, values, limits, program):
    x = pick(choose, reals(values, limits))
    form = choose.choice(list(UNARY))
    if not apart(values[x], 0) or not apart(values[x], 0.1):
        return None
    return f"@@ = {form.format(x)}", [x], lambda v, f=UNARY[form]: f(v[x])


def binary(choose, values, limits, program):
    a = pick(choose, reals(values, limits))
    suffix = lambda x: x.ndim == 0 or values[a].shape[values[a].ndim - x.ndim :] == x.shape or values[a].ndim == 0
    b = pick(choose, reals(values, limits, lambda x: suffix(x) and (x.ndim <= values[a].ndim or values[a].ndim == 0)))
    form = choose.choice(list(BINARY))
    if not apart(values[b], 0.5) or (a != b and not apart(values[a], values[b])):
        return None
    if choose.random() < 0.5:
        a, b = b, a
    return f"@@ = {form.format(a, b)}", [a, b], lambda v, f=BINARY[form]: f(v[a], v[b])


def rows(choose, values, limits, program):
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 1))
    if x is None:
        return None
    form = choose.choice(list(ROWS))
    if form.startswith(("max", "min")) and not rows_apart(values[x]):
        return None
    return f"@@ = {form.format(x)}", [x], lambda v, f=ROWS[form]: f(v[x])


def ordered(choose, values, limits, program):
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 1 and rows_apart(x)))
    if x is None:
        return None
    return f"@@ = sort({x})", [x], lambda v: v[x].sort(-1).values


def product(choose, values, limits, program):
    a = pick(choose, reals(values, limits, lambda x: 1 <= x.ndim <= 3))
    if a is None:
        return None

    def fits(b):
        shape = values[a].shape
        if b.ndim == 1:
            return shape[-1] == b.shape[0]
        if b.ndim == 2:
            return shape[-1] == b.shape[0]
        return b.ndim == 3 and len(shape) == 3 and shape[0] == b.shape[0] and shape[2] == b.shape[1]

    b = pick(choose, reals(values, limits, fits))
    if b is None:
        return None
    return f"@@ = {a} @ {b} / 2", [a, b], lambda v: v[a] @ v[b] / 2


def by_indices(choose, values, limits, program):
    """A sum of products over named indices, some shared, some summed, some repeated within one tensor."""
    names = [pick(choose, reals(values, limits, lambda x: x.ndim >= 1)) for _ in range(choose.choice([1, 2, 2, 3]))]
    if None in names:
        return None
    letters, extents = iter("ijklmpqrst"), {}
    labels = []
    for name in names:
        own = []
        for extent in values[name].shape:
            known = [letter for letter, n in extents.items() if n == extent and (letter not in own or choose.random() < 0.2)]
            if known and choose.random() < 0.7:
                own.append(choose.choice(known))
            else:
                letter = next(letters, None)
                if letter is None:
                    return None
                extents[letter] = extent
                own.append(letter)
        labels.append(own)
    kept = [letter for letter in extents if choose.random() < 0.5][:3]
    choose.shuffle(kept)
    summed = [letter for letter in extents if letter not in kept]
    factors = " * ".join(f"{name}[{', '.join(own)}]" for name, own in zip(names, labels))
    head = f"@@[{', '.join(kept)}]" if kept else "@@"
    reduction = f"sum[{', '.join(summed)}] " if summed else ""
    form = ",".join("".join(own) for own in labels) + "->" + "".join(kept)
    return f"{head} = {reduction}{factors}", sorted(set(names)), lambda v: torch.einsum(form, *(v[name] for name in names))


def window(choose, values, limits, program):
    """A convolution of vectors written with an affine index."""
    w = pick(choose, reals(values, limits, lambda x: x.ndim == 1 and x.shape[0] <= 3))
    stride = choose.choice([1, 2, 3])
    if w is None:
        return None
    k = values[w].shape[0]
    x = pick(choose, reals(values, limits, lambda x: x.ndim == 1 and x.shape[0] >= k))
    if x is None:
        return None
    count = (values[x].shape[0] - k) // stride + 1
    place = "i + p" if stride == 1 else f"{stride}*i + p"
    value = lambda v: torch.stack([v[w] @ v[x][stride * i : stride * i + k] for i in range(count)])
    return f"@@[i] = sum[p] {w}[p] * {x}[{place}]", sorted({w, x}), value


def table(choose, values, limits, program):
    """Elements made from their indices, one of them given a range."""
    x = pick(choose, reals(values, limits, lambda x: x.ndim == 1))
    if x is None:
        return None
    count = choose.randint(1, 4)
    numbers = lambda v: v[x][:, None] * (torch.arange(count) + 1)[None] - torch.arange(v[x].shape[0])[:, None]
    return f"@@[i, j in 0..{count}] = ({x}[i] * (j + 1) - i) / 4", [x], lambda v: numbers(v) / 4


def sliced(choose, values, limits, program):
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 1))
    if x is None:
        return None
    parts, index = [], []
    for extent in values[x].shape[: choose.randint(1, values[x].ndim)]:
        low = choose.randrange(extent)
        high = choose.randint(low + 1, extent)
        kind = choose.randrange(5)
        if kind == 0:
            parts.append(str(low)), index.append(low)
        elif kind == 1:
            parts.append(f"-{low + 1}"), index.append(-(low + 1))
        elif kind == 2:
            parts.append(":"), index.append(slice(None))
        elif kind == 3:
            parts.append(f"{low}..{high}"), index.append(slice(low, high))
        else:
            step = choose.choice([2, 3])
            parts.append(f"{low}..{high}:{step}"), index.append(slice(low, high, step))
    return f"@@ = {x}[{', '.join(parts)}]", [x], lambda v: v[x][tuple(index)]


def gathered(choose, values, limits, program):
    i = pick(choose, list(limits))
    if i is None:
        return None
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 1 and x.shape[0] >= limits[i]))
    if x is None:
        return None
    return f"@@ = {x}[{i}]", [x, i], lambda v: v[x][v[i].long()]


def counted(choose, values, limits, program):
    """Indices and conditions as numbers."""
    i = pick(choose, list(limits))
    if i is None or values[i].ndim > 1:
        return None
    x = pick(choose, reals(values, limits, lambda x: x.ndim == 0 or x.shape[-1:] == values[i].shape))
    if x is None or not apart(values[x], values[i]):
        return None
    return f"@@ = {i} * {x} / 3 + ({x} < {i})", [x, i], lambda v: v[i] * v[x] / 3 + (v[x] < v[i]).to(v[x].dtype)


def moved(choose, values, limits, program):
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 1))
    if x is None:
        return None
    shape = values[x].shape
    kind = choose.choice(["reshape", "transpose", "reverse", "pad", "flatten", "prime", "split"])
    if kind == "reshape":
        size = values[x].numel()
        divisor = choose.choice([d for d in range(1, size + 1) if size % d == 0])
        return f"@@ = reshape({x}, {divisor}, {size // divisor})", [x], lambda v: v[x].reshape(divisor, -1)
    if kind == "transpose" and len(shape) > 1:
        order = list(range(len(shape)))
        choose.shuffle(order)
        return f"@@ = transpose({x}, {', '.join(map(str, order))})", [x], lambda v: v[x].permute(order)
    if kind == "reverse":
        return f"@@ = reverse({x})", [x], lambda v: v[x].flip(0)
    if kind == "pad":
        sides = [choose.randint(0, 2) for _ in range(2 * len(shape))]
        pairs = [side for axis in reversed(range(len(shape))) for side in sides[2 * axis : 2 * axis + 2]]  # PyTorch's from the last axis
        return f"@@ = pad({x}, {', '.join(map(str, sides))})", [x], lambda v: torch.nn.functional.pad(v[x], pairs)
    if kind == "prime" and len(shape) == 2:
        return f"@@ = {x}'", [x], lambda v: v[x].T
    if kind == "split" and shape[0] % 2 == 0:
        half = shape[0] // 2
        text = f"first, second = split({x}, 2)\n@@ = first * second - first"
        return text, [x], lambda v: v[x][:half] * v[x][half:] - v[x][:half]
    return f"@@ = flatten({x})", [x], lambda v: v[x].reshape(-1)


def joined(choose, values, limits, program):
    a = pick(choose, reals(values, limits))
    if choose.random() < 0.5 and values[a].ndim >= 1:
        b = pick(choose, reals(values, limits, lambda x: x.ndim == values[a].ndim and x.shape[1:] == values[a].shape[1:]))
        return f"@@ = concat({a}, {b})", sorted({a, b}), lambda v: torch.cat((v[a], v[b]))
    b = pick(choose, reals(values, limits, lambda x: x.shape == values[a].shape))
    return f"@@ = stack({a}, {b}, {a} * 2)", sorted({a, b}), lambda v: torch.stack((v[a], v[b], v[a] * 2))


def called(choose, values, limits, program):
    """A helper called with its formals' ranks, or with extra axes that align at their last."""
    name = choose.choice(list(CALLS))
    formals, function = CALLS[name]
    extents, extra, given = {}, (), []
    for formal in formals:

        def fits(x):
            axes, rest = x.shape[x.ndim - len(formal) :], x.shape[: x.ndim - len(formal)]
            if x.ndim < len(formal) or len(set(zip(formal, axes))) > len(set(formal)) or any(extents.get(letter, n) != n for letter, n in zip(formal, axes)):
                return False
            shorter, longer = sorted((rest, extra), key=len)
            return longer[len(longer) - len(shorter) :] == shorter

        x = pick(choose, reals(values, limits, fits))
        if x is None:
            return None
        extents.update(zip(formal, values[x].shape[values[x].ndim - len(formal) :]))
        extra = max(extra, values[x].shape[: values[x].ndim - len(formal)], key=len)
        given.append(x)
    return f"@@ = {name}({', '.join(given)})", sorted(set(given)), lambda v: function(*(v[x] for x in given))


LOOPS = {
    "h = tanh({c} * h + e)": lambda h, e, c: torch.tanh(c * h + e),
    "h = h / 2 + sin(e * {c})": lambda h, e, c: h / 2 + torch.sin(e * c),
    "h = e * h - {c} * sin(h); h = tanh(h)": lambda h, e, c: torch.tanh(e * h - c * torch.sin(h)),
    "h = checkpoint(sin(h + e)) * {c}": lambda h, e, c: torch.sin(h + e) * c,
    "h = h - grad(sum(flatten(sin(h) * e)), h) / 4 + {c}": lambda h, e, c: h - torch.cos(h) * e / 4 + c,
    "h = where(e < {c}, h / 2, h * e)": lambda h, e, c: torch.where(e < c, h / 2, h * e),
}


def looped(choose, values, limits, program):
    """A loop over the leading axis, carrying h, that collects or gives what it ends with."""
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 2 or (x.ndim == 1 and choose.random() < 0.3)))
    if x is None:
        return None
    form = choose.choice([f for f in LOOPS if "flatten" not in f or values[x].ndim > 1])
    c = pick(choose, reals(values, limits, lambda c: c.ndim == 0 or c.shape == values[x].shape[1:]))
    if c is None or ("<" in form and not apart(values[x], values[c])):
        return None
    backwards, collects = choose.random() < 0.3, choose.random() < 0.6
    sequence = f"reverse({x})" if backwards else x
    body = form.format(c=c)

    def value(v):
        h, collected = v[x][0], []
        for e in v[x].flip(0) if backwards else v[x]:
            h = LOOPS[form](h, e, v[c])
            collected.append(h * e)
        return torch.stack(collected) if collects else h

    text = f"h = {x}[0]\n@@ = for e in {sequence} {{ {body}; yield h * e }}" if collects else f"h = {x}[0]\nfor e in {sequence} {{ {body} }}\n@@ = h"
    return text, sorted({x, c}), value


def looped_over_range(choose, values, limits, program):
    """Two loops, one within the other, over ranges, with arithmetic on their numbers."""
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 1))
    if x is None:
        return None
    n = values[x].shape[0]
    first = choose.randrange(n)

    def value(v):
        h = v[x][0] * 0
        for i in range(first, n):
            for k in range(2):
                h = torch.sin(h + v[x][i] * (k + 1)) / (i + 1) + v[x][i]
        return h

    text = f"h = {x}[0] * 0\nfor i in {first}..{n} {{ for k in 0..2 {{ h = sin(h + {x}[i] * (k + 1)) / (i + 1) + {x}[i] }} }}\n@@ = h"
    return text, [x], value


def reduced_by_indices(choose, values, limits, program):
    """max, min, mean or prod over some of the axes of an expression."""
    x = pick(choose, reals(values, limits, lambda x: 1 <= x.ndim <= 3))
    if x is None:
        return None
    letters = "ijk"[: values[x].ndim]
    gone = [letter for letter in letters if choose.random() < 0.6] or [letters[0]]
    kept = [letter for letter in letters if letter not in gone]
    choose.shuffle(gone)
    kind = choose.choice(["max", "min", "mean", "prod"])
    axes = [letters.index(letter) for letter in kept] + [letters.index(letter) for letter in gone]
    flat = lambda v: v.permute(axes).reshape(*(v.shape[letters.index(letter)] for letter in kept), -1)
    if kind in ("max", "min") and not rows_apart(flat(values[x])):
        return None
    functions = {"max": lambda r: r.max(-1).values, "min": lambda r: r.min(-1).values, "mean": lambda r: r.mean(-1), "prod": lambda r: (1 + r / 4).prod(-1)}
    element = f"{x}[{', '.join(letters)}]"
    head = f"@@[{', '.join(kept)}]" if kept else "@@"
    text = f"{head} = {kind}[{', '.join(gone)}] {f'(1 + {element} / 4)' if kind == 'prod' else element}"
    return text, [x], lambda v: functions[kind](flat(v[x]))


def windowed_image(choose, values, limits, program):
    """A sum of products over windows of a matrix."""
    x = pick(choose, reals(values, limits, lambda x: x.ndim == 2))
    w = pick(choose, reals(values, limits, lambda w: w.ndim == 2))
    if x is None or w is None or any(a < b for a, b in zip(values[x].shape, values[w].shape)):
        return None
    stride = choose.choice([1, 2])
    conv = torch.nn.functional.conv2d
    text = f"@@[i, j] = sum[p, q] {w}[p, q] * {x}[{stride} * i + p, j + q]"
    return text, sorted({x, w}), lambda v: conv(v[x][None, None], v[w][None, None], stride=(stride, 1))[0, 0]


def halved(choose, values, limits, program):
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 1))
    if x is None:
        return None
    total = lambda v: v[x].sum(-1, keepdim=True)
    if values[x].ndim > 1:
        return f"all, each = halves({x})\n@@ = weighed(each, all)", [x], lambda v: torch.softmax(torch.tanh(v[x]), -1) * total(v)
    return f"all, each = halves({x})\n@@ = each * all", [x], lambda v: torch.tanh(v[x]) * total(v)


def labelled(choose, values, limits, program):
    i = pick(choose, list(limits))
    if i is None:
        return None
    align = lambda rest: rest == () or values[i].shape[max(0, values[i].ndim - len(rest)) :] == rest or values[i].ndim == 0
    x = pick(choose, reals(values, limits, lambda x: x.ndim >= 1 and x.shape[-1] == limits[i] and align(x.shape[:-1])))
    if x is None:
        return None
    return f"@@ = chosen({x}, {i})", [x, i], lambda v: chosen(v[x], v[i])


def derivative(of, by):
    return torch.autograd.grad(of.sum(), by, create_graph=True, materialize_grads=True)[0]


def derived(choose, values, limits, program):
    """grad of a value by an argument or a value on the way to it."""
    if not program.statements:
        return None
    uses = {statement.name: statement.uses for statement in program.statements}

    def on_the_way(name):
        """All that a value is made from."""
        found, waiting = set(), [name]
        while waiting:
            for used in uses.get(waiting.pop(), []):
                if used not in found:
                    found.add(used)
                    waiting.append(used)
        return found

    of = choose.choice(program.statements).name
    reached = on_the_way(of)
    # Whether the derivative of exp by its argument goes through its result is nobody's business: values between an inner grad's
    # argument and its result are not asked for.
    between = set()
    for statement in program.statements:
        if " = grad(" in statement.text and statement.name in reached | {of}:
            inner_of, inner_by = statement.uses
            between |= {name for name in on_the_way(inner_of) | {inner_of} if inner_by in on_the_way(name)}
    choices = sorted(name for name in reached - between if name not in limits)
    if not choices:
        return None
    by = choose.choice(choices)
    total = of if values[of].ndim == 0 else f"sum(flatten({of}))"
    return f"@@ = grad({total}, {by}) / 2", [of, by], lambda v: derivative(v[of], v[by]) / 2


DRAWERS = [unary] * 4 + [binary] * 4 + [rows] * 3 + [by_indices] * 4 + [called] * 4 + [derived] * 2
DRAWERS += [looped] * 3 + [looped_over_range, reduced_by_indices, reduced_by_indices, windowed_image]
DRAWERS += [product] * 2 + [sliced] * 2 + [moved] * 2 + [joined, window, table, gathered, gathered, counted, halved, labelled, ordered]


def draw_statement(choose, values, limits, program, without=()):
    drawer = choose.choice(DRAWERS)
    return None if drawer.__name__ in without else drawer(choose, values, limits, program)
