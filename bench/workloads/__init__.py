"""The workloads of the table: one entry each, with the data, the network and its cost in PyTorch and in JAX (see common.Workload).

The same network in .nn is ../models/NAME.nn, which reads data/NAME-FIELD.npy or, of a text, data/NAME-FIELD.txt. Adding a workload is
adding an entry here and a model there. torch and jax are imported inside the functions, so that a process loads only the one that it measures.
"""

import numpy as np

from . import images, pinn, small, text
from .common import Scaled, Windows

NAMES = ("chain", "digits", "mlp", "lenet", "convnet", "lstm", "gpt", "pinn")

_entries = {entry.name: entry for module in (small, images, text, pinn) for entry in module.ENTRIES}
WORKLOADS = {name: _entries[name] for name in NAMES}


def write_data(workload, folder, real):
    """Writes the fields in the form that they have on disk: bytes stay bytes, a text a text."""
    for field, examples in workload.fields(real).items():
        file = folder / f"{workload.name}-{field}"
        if isinstance(examples, Windows):
            file.with_suffix(".txt").write_bytes(examples.text)
        else:
            np.save(file.with_suffix(".npy"), examples.content if isinstance(examples, Scaled) else examples)


def fields_for_peers(workload, real):
    """{field: examples} as a peer likes them best, converted once before the clock starts: f32 scaled, i64 labels; a text as Windows."""

    def ready(examples):
        if isinstance(examples, Windows):
            return examples
        if isinstance(examples, Scaled):
            return examples.content.astype(np.float32) / examples.scale
        return examples.astype(np.int64 if examples.dtype == np.uint8 else np.float32)

    return {field: ready(examples) for field, examples in workload.fields(real).items()}
