#!/usr/bin/env python3
"""Random well-typed functions: nnc's results and gradients against PyTorch's.

    tests/reference/random_programs.py --nnc build/nnc [--count 100] [--seed 1] [--keep failures]
    tests/reference/random_programs.py --store 20      writes random.nn and cases/random/ for the C++ test

Each program is a list of statements, of which every one knows its text in .nn and its value in PyTorch. What fails is made
smaller, by giving values as arguments and dropping what is no longer needed, printed, and kept with its inputs. In f64 all
must agree to 1e-9 of the largest element or of 1; in f32 to 2e-5, or to 16 times the error that PyTorch makes in f32. The table of
operations is in random_operations.py.
"""

import argparse
import dataclasses
import pathlib
import random
import subprocess
import sys
import tempfile
from typing import Callable

import numpy as np
import torch
from random_operations import HELPERS, draw_statement
from safetensors.numpy import load_file, save_file

torch.set_num_threads(1)

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Argument:
    name: str
    data: np.ndarray  # f64, or i32 for an index below `limit`
    limit: int = 0

    def declaration(self):
        kind = f"index({self.limit})" if self.limit else "real"
        axes = f"[{', '.join(map(str, self.data.shape))}]" if self.data.ndim else ""
        return f"{self.name}: {kind}{axes}"


@dataclasses.dataclass
class Statement:
    name: str
    text: str
    uses: list  # names
    value: Callable  # of the environment, {name: tensor}


class Program:
    def __init__(self, arguments, statements):
        self.arguments, self.statements = arguments, statements

    def names_used(self):
        return {name for statement in self.statements for name in statement.uses}

    def sinks(self):
        """The values that nothing uses: the results."""
        used = self.names_used()
        return [statement.name for statement in self.statements if statement.name not in used]

    def only(self, sinks):
        """The part that the given values need."""
        needed, kept = set(sinks), []
        for statement in reversed(self.statements):
            if statement.name in needed:
                needed.update(statement.uses)
                kept.insert(0, statement)
        return Program([argument for argument in self.arguments if argument.name in needed], kept)

    def text(self, name):
        results = self.sinks()
        result = results[0] if len(results) == 1 else f"({', '.join(results)})"
        body = [f"  {line}" for statement in self.statements for line in statement.text.split("\n")]
        head = f"fn {name}({', '.join(argument.declaration() for argument in self.arguments)}) {{"
        return "\n".join([head, *body, f"  {result}", "}\n"])

    def environment(self, inputs):
        values = dict(inputs)
        for statement in self.statements:
            values[statement.name] = compute(statement, values)
        return values

    def inputs(self, real=torch.float64):
        tensors = {a.name: torch.tensor(a.data) for a in self.arguments}
        return {a.name: tensors[a.name] if a.limit else tensors[a.name].to(real).requires_grad_() for a in self.arguments}

    def reference(self, real=torch.float64):
        """{"result…": …, "grad.NAME": …} by PyTorch, computed in `real`."""
        inputs = self.inputs(real)
        values = self.environment(inputs)
        found = [values[name] for name in self.sinks()]
        out = {"result": found[0]} if len(found) == 1 else {f"result.{i}": leaf for i, leaf in enumerate(found)}
        real_inputs = {a.name: inputs[a.name] for a in self.arguments if not a.limit}
        if real_inputs:
            total = sum(leaf.sum() for leaf in found)
            gradients = torch.autograd.grad(total, list(real_inputs.values()), materialize_grads=True)
            out |= {f"grad.{name}": gradient for name, gradient in zip(real_inputs, gradients)}
        return {name: np.array(tensor.detach().numpy(), order="C") for name, tensor in out.items()}


def compute(statement, values):
    """The statement's value, as a tensor of its own: grad asks by the name that was bound last."""
    value = statement.value(values)
    if not value.requires_grad:
        return value.detach().requires_grad_()
    return value.clone() if any(value is other for other in values.values()) else value


# ---- making programs --------------------------------------------------------------------------------------------------


def draw_arguments(choose, numbers):
    shapes = [(), (3,), (4,), (3, 4), (4, 3), (2, 3, 4), (5,), (2, 4), (4, 4), (1, 3), (7, 2)]
    arguments = []
    for i in range(choose.randint(2, 4)):
        data = numbers.uniform(-2, 2, choose.choice(shapes)).astype(np.float32).astype(np.float64)
        arguments.append(Argument(f"x{i}", np.asarray(data)))
    for i in range(choose.randint(0, 2)):
        limit = choose.choice([2, 3, 4])
        shape = choose.choice([(), (3,), (2, 3)])
        arguments.append(Argument(f"n{i}", np.asarray(numbers.integers(0, limit, shape), np.int32), limit))
    return arguments


def fits(value):
    """Small enough for chains of statements to stay finite and well conditioned."""
    return bool(torch.isfinite(value).all()) and float(value.detach().abs().max()) < 30 and value.numel() <= 400


def draw_program(seed, length, without=()):
    choose, numbers = random.Random(seed), np.random.default_rng(seed)
    program = Program(draw_arguments(choose, numbers), [])
    values = program.inputs()
    limits = {argument.name: argument.limit for argument in program.arguments if argument.limit}
    for attempt in range(40 * length):
        if len(program.statements) == length:
            break
        drawn = draw_statement(choose, values, limits, program, without)
        if drawn is None:
            continue
        statement = Statement(f"v{len(program.statements)}", *drawn)
        statement.text = statement.text.replace("@@", statement.name)
        program.statements.append(statement)
        value = compute(statement, values)
        if not fits(value):
            program.statements.pop()
            continue
        values[statement.name] = value
    return program.only(program.sinks()[-4:])


# ---- trying them ------------------------------------------------------------------------------------------------------


def file_text(functions):
    return "# Written by random_programs.py.\n\n" + HELPERS + "\n" + "\n".join(functions)


def disagreement(found, expected, bound):
    """What differs, or None. `bound` maps a name to the difference allowed."""
    if set(found) != set(expected):
        return f"names {sorted(found)} instead of {sorted(expected)}"
    for name, array in expected.items():
        if found[name].shape != array.shape:
            return f"{name} has shape {found[name].shape} instead of {array.shape}"
        if array.size and not np.abs(found[name].astype(np.float64) - array).max() <= bound[name]:
            return f"{name} differs by {np.abs(found[name].astype(np.float64) - array).max():.3g}, allowed are {bound[name]:.3g}"
    return None


def evaluate(nnc, program, real, folder):
    """nnc's tensors, or how it failed."""
    (folder / "program.nn").write_text(file_text([program.text("program")]))
    width = np.float64 if real == "f64" else np.float32
    save_file({a.name: np.array(a.data if a.limit else a.data.astype(width), order="C") for a in program.arguments}, folder / "in")
    command = [nnc, "eval", "program.nn", "program", "--in", "in", "--out", "out", "--grad", f"--real={real}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return None, "no result within 60 s"
    if done.returncode != 0:
        return None, f"exit code {done.returncode}\n{done.stderr.strip()}"
    return load_file(folder / "out"), None


def failure(nnc, program, precisions):
    """How nnc fails on a program, as (kind, text), or None."""
    exact = program.reference()
    largest = {name: max(1.0, float(np.abs(array).max(initial=0))) for name, array in exact.items()}
    for real in precisions:
        if real == "f64":
            bound = {name: 1e-9 * size for name, size in largest.items()}
        else:
            rough = program.reference(torch.float32)
            error = {name: float(np.abs(rough[name].astype(np.float64) - exact[name]).max(initial=0)) for name in exact}
            bound = {name: max(2e-5 * size, 16 * error[name]) for name, size in largest.items()}
        with tempfile.TemporaryDirectory() as folder:
            found, fault = evaluate(nnc, program, real, pathlib.Path(folder))
        if fault:
            return f"{real} {fault.splitlines()[0]}", fault
        difference = disagreement(found, exact, bound)
        if difference:
            return f"{real} differs", f"in {real}: {difference}"
    return None


def given(program, statement):
    """The program with a statement's value as an argument."""
    value = program.environment(program.inputs())[statement.name].detach().numpy()
    data = value.astype(np.float32).astype(np.float64)
    rest = [other for other in program.statements if other is not statement]
    renamed = Argument(statement.name, np.asarray(data))
    return Program([*program.arguments, renamed], rest)


def smaller(nnc, program, kind, precisions):
    """The smallest program that still fails in the same way."""

    def still(candidate):
        if not candidate.statements:
            return False
        try:
            found = failure(nnc, candidate, precisions)
        except Exception:  # PyTorch cannot evaluate the candidate: not a step to take
            return False
        return found is not None and found[0] == kind

    for sink in program.sinks():
        if len(program.sinks()) > 1 and still(program.only([sink])):
            program = program.only([sink])
    changed = True
    while changed:
        changed = False
        for statement in list(program.statements):
            if len(program.statements) == 1:
                break
            candidate = given(program, statement)
            candidate = candidate.only(candidate.sinks()) if candidate.statements else candidate
            if still(candidate):
                program, changed = candidate, True
                break
    return program


def keep(program, name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.nn").write_text(file_text([program.text("program")]))
    save_file({a.name: np.array(a.data, order="C") for a in program.arguments}, folder / f"{name}.in.safetensors")
    save_file(program.reference(), folder / f"{name}.out.safetensors")


def store(count, seed, length, without):
    """The programs that the C++ test runs."""
    folder, functions = HERE / "cases" / "random", []
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        program = draw_program(seed + i, length, without)
        functions.append(program.text(f"program{i}"))
        save_file({a.name: np.array(a.data, order="C") for a in program.arguments}, folder / f"program{i}.in.safetensors")
        save_file(program.reference(), folder / f"program{i}.out.safetensors")
    (HERE / "random.nn").write_text(file_text(functions))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nnc", default=str(HERE.parent.parent / "build" / "nnc"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=int, default=12, help="statements of a program")
    parser.add_argument("--real", default="f64,f32")
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("failures"))
    parser.add_argument("--store", type=int, metavar="COUNT", help="write cases for the C++ test instead")
    parser.add_argument("--without", default="", help="drawing functions of random_operations.py to leave out, by commas")
    arguments = parser.parse_args()
    without = arguments.without.split(",")
    if arguments.store:
        return store(arguments.store, arguments.seed, arguments.length, without)

    failed = 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        program = draw_program(seed, arguments.length, without)
        found = failure(arguments.nnc, program, arguments.real.split(","))
        if not found:
            continue
        failed += 1
        least = smaller(arguments.nnc, program, found[0], arguments.real.split(","))
        keep(least, f"seed{seed}", arguments.keep)
        print(f"seed {seed}: {failure(arguments.nnc, least, arguments.real.split(','))[1]}\n{least.text('program')}", flush=True)
    print(f"{arguments.count - failed} of {arguments.count} programs agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
