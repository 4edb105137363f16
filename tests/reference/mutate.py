#!/usr/bin/env python3
"""Any text as a program: an error with line and column, or a compile, in bounded time and memory, never a signal.

    tests/reference/mutate.py [--nnc build/nnc] [--count 500] [--seed 1] [--keep mutants] FILES.nn …

Damages the bytes and the tokens of the files, runs `nnc check` on each, and keeps those that end with an exit code other than 0
and 1, that take more than five seconds, or whose error has no place. Without FILES, those of tests/programs and tests/reference.
"""

import argparse
import pathlib
import random
import re
import resource
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
TOKEN = re.compile(rb"[A-Za-z_]\w*|\d[\w.]*|\"[^\"\n]*\"|->|<-|\|>|\.\.|[=!<>]=|\s+|.", re.S)
PLACE = re.compile(r":\d+:\d+: error: ")
SECONDS, BYTES = 5, 4 << 30
NASTY = [b"-", b"(", b"[", b"{", b"\"", b"'", b"..", b"0", b"-1", b"1e999", b"4611686018427387904", b"inf", b"\0", b"\xff",
         b"\n", b";", b"grad", b"sum", b"self", b"if", b"for", b"true", b"1/0", b"real", b"index", b"^", b"@", b"stop_gradient"]


def damaged_tokens(choose, text, others):
    tokens = TOKEN.findall(text)
    for _ in range(choose.choice([1, 1, 1, 2, 4])):
        if not tokens:
            break
        at = choose.randrange(len(tokens))
        kind = choose.randrange(7)
        if kind == 0:
            del tokens[at]
        elif kind == 1:
            tokens.insert(at, tokens[at])
        elif kind == 2:
            other = choose.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif kind == 3:
            tokens[at] = choose.choice(others)
        elif kind == 4:
            tokens[at] = choose.choice(NASTY)
        elif kind == 5:
            tokens.insert(at, choose.choice(NASTY) + b" ")
        else:  # the same name or number in place of another of its kind
            alike = [token for token in others if token[:1].isalnum() and token[:1].isdigit() == tokens[at][:1].isdigit()]
            tokens[at] = choose.choice(alike)
    return b"".join(tokens)


def damaged_bytes(choose, text):
    text = bytearray(text)
    for _ in range(choose.choice([1, 1, 2, 8])):
        at = choose.randrange(len(text) + 1)
        kind = choose.randrange(5)
        if kind == 0:
            del text[at : at + choose.choice([1, 1, 10, 100])]
        elif kind == 1:
            text[at:at] = bytes([choose.randrange(256)])
        elif kind == 2 and at < len(text):
            text[at] ^= 1 << choose.randrange(8)
        elif kind == 3:
            del text[at:]
        else:
            text[at:at] = choose.choice([b"(", b"-", b"[", b"x + ", b"not ", b"'", b"{", b"1,"]) * choose.choice([3, 1000, 100000])
    return bytes(text)


def limited():
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def fault(nnc, program):
    """What is wrong with how nnc took the program, or None."""
    try:
        done = subprocess.run(
            [nnc, "check", program], capture_output=True, timeout=SECONDS, preexec_fn=limited, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"more than {SECONDS} s"
    message = done.stderr.decode(errors="replace")
    if done.returncode not in (0, 1):
        return f"exit code {done.returncode}: {message.strip()[-300:]}"
    if done.returncode == 1 and not PLACE.search(message):
        return f"no place in the error: {message.strip()[:300]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--nnc", default=str(TESTS.parent / "build" / "nnc"))
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("mutants"))
    arguments = parser.parse_args()
    files = arguments.files or sorted([*TESTS.glob("programs/*.nn"), *TESTS.glob("reference/*.nn")])
    others = [token for file in files for token in TOKEN.findall(file.read_bytes()) if not token.isspace()]

    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        # The data that the files name lie beside them or beside their folder.
        folder = pathlib.Path(temporary) / "models"
        folder.mkdir()
        for seed in range(arguments.seed, arguments.seed + arguments.count):
            choose = random.Random(seed)
            file = choose.choice(files).resolve()
            for link, data in ((folder / "data", file.parent / "data"), (folder.parent / "data", file.parent.parent / "data")):
                link.unlink(missing_ok=True)
                if data.exists():
                    link.symlink_to(data)
            text = file.read_bytes()
            mutant = damaged_bytes(choose, text) if choose.random() < 0.3 else damaged_tokens(choose, text, others)
            program = folder / "mutant.nn"
            program.write_bytes(mutant)
            found = fault(arguments.nnc, program)
            if found:
                failed += 1
                arguments.keep.mkdir(parents=True, exist_ok=True)
                (arguments.keep / f"{file.stem}-{seed}.nn").write_bytes(mutant)
                print(f"{file.stem}-{seed}: {found}", flush=True)
    print(f"{failed} of {arguments.count} damaged programs were taken badly")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
