#!/usr/bin/env python3
"""What PyTorch (oneDNN, MKL) takes for the kernels that nnc_bench names: micro_peers.py NAME… prints {name: seconds of one call}.

It runs on as many threads as it may use cores. A convolution is given in both memory formats, and the faster one counts.
"""

import json
import os
import sys
import time

import torch
import torch.nn.functional as F

SECONDS = 0.2


def seconds_of(call):
    """The least mean of five stretches."""
    call()
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < SECONDS / 10:
        call()
        count += 1
    stretches = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(2 * count):
            call()
        stretches.append((time.perf_counter() - begin) / (2 * count))
    return min(stretches)


def gemm(left, right):
    def calls(m, n, k):
        a = torch.rand(k, m).T if left == "t" else torch.rand(m, k)
        b = torch.rand(n, k).T if right == "t" else torch.rand(k, n)
        out = torch.empty(m, n)
        yield lambda: torch.mm(a, b, out=out)

    return calls


def conv(wanted):
    def calls(batch, edge, inputs, outputs):
        for layout in (torch.contiguous_format, torch.channels_last):
            x = torch.rand(batch, inputs, edge, edge).to(memory_format=layout)
            w = torch.rand(outputs, inputs, 3, 3).to(memory_format=layout)
            dy = torch.rand(batch, outputs, edge, edge).to(memory_format=layout)
            mask = [wanted == "data", wanted == "weights", False]
            if wanted == "forward":
                yield lambda x=x, w=w: F.conv2d(x, w, padding=1)
            else:
                backward = torch.ops.aten.convolution_backward
                yield lambda x=x, w=w, dy=dy: backward(dy, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, mask)

    return calls


def forward(make, function):
    def calls(*size):
        inputs = make(*size)
        with torch.no_grad():
            yield lambda: function(*inputs)

    return calls


def backward(make, function):
    """The backward pass alone, of a graph that is kept."""

    def calls(*size):
        inputs = [x.requires_grad_() for x in make(*size)]
        result = function(*inputs)
        dy = torch.rand_like(result)
        yield lambda: torch.autograd.grad(result, inputs, dy, retain_graph=True)

    return calls


def lstm(backwards):
    def calls(batch, steps, inputs, hidden):
        cell, xs = torch.nn.LSTM(inputs, hidden, batch_first=True), torch.rand(batch, steps, inputs, requires_grad=True)
        if not backwards:
            with torch.no_grad():
                yield lambda: cell(xs)
            return
        parameters = [xs, *cell.parameters()]
        dy = torch.rand(batch, steps, hidden)
        # oneDNN's graph cannot be kept; forward and backward together, as nnc's gradient has both.
        yield lambda: torch.autograd.grad(cell(xs)[0], parameters, dy)

    return calls


def adam(count):
    parameter = torch.nn.Parameter(torch.rand(count))
    parameter.grad = torch.rand(count)
    optimizer = torch.optim.Adam([parameter], fused=True)
    yield optimizer.step


def elementwise(function):
    def calls(count):
        x, out = torch.rand(count), torch.empty(count)
        yield lambda: function(x, out=out)

    return calls


def attend(q, k, v):
    """[batch, time, heads, width], as nnc_bench has them."""
    return F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), is_causal=True)


one = lambda *size: [torch.rand(*size)]
three = lambda *size: [torch.rand(*size) for _ in range(3)]
norm_inputs = lambda rows, columns: [torch.rand(rows, columns), torch.rand(columns), torch.rand(columns)]
softmax = lambda x: torch.softmax(x, -1)
layer_norm = lambda x, weight, bias: F.layer_norm(x, x.shape[-1:], weight, bias)

FAMILIES = {
    "gemm_nn": gemm("n", "n"), "gemm_nt": gemm("n", "t"), "gemm_tn": gemm("t", "n"),
    "conv_forward": conv("forward"), "conv_data": conv("data"), "conv_weights": conv("weights"),
    "softmax": forward(one, softmax), "softmax_backward": backward(one, softmax),
    "layer_norm": forward(norm_inputs, layer_norm), "layer_norm_backward": backward(norm_inputs, layer_norm),
    "attention": forward(three, attend), "attention_backward": backward(three, attend),
    "lstm": lstm(False), "lstm_backward": lstm(True), "adam": adam,
    "exp": elementwise(torch.exp), "log": elementwise(torch.log), "tanh": elementwise(torch.tanh), "erf": elementwise(torch.erf),
}  # fmt: skip


def main():
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    found = {}
    for name in sys.argv[1:]:
        family, size = name.split("/")
        if family in FAMILIES:
            calls = FAMILIES[family](*map(int, size.split("x")))
            found[name] = min(seconds_of(call) for call in calls)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
