"""A folder of model files with inputs and expected outputs, and how far a runtime is from them.

cases.json: a list of {"id", "file", "format": "onnx" | "tflite", "rows", "outputs", "mnn"};
golden.safetensors: tensors "<id>/<row>/in/<input>" and "<id>/<row>/out/<output>".
"""

import json
import os
import sys
import tempfile

import numpy as np

from safetensors_file import read_safetensors


class Case:
    def __init__(self, entry, folder, tensors):
        self.id = entry["id"]
        self.format = entry["format"]
        self.path = os.path.join(folder, entry["file"])
        self.outputs = entry["outputs"]
        self.for_mnn = entry["mnn"]
        self.rows = []
        for row in range(entry["rows"]):
            sides = []
            for side in ("in", "out"):
                prefix = f"{self.id}/{row}/{side}/"
                sides.append({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
            self.rows.append(tuple(sides))

    def bytes(self):
        with open(self.path, "rb") as file:
            return file.read()

    def error(self, run):
        """Largest difference of all rows, in units of the largest expected value, at least 1e-2."""
        largest = 0.0
        for inputs, expected in self.rows:
            got = run(inputs)
            for name, wanted in expected.items():
                actual = np.asarray(got[name], np.float32)
                if actual.size != wanted.size:
                    raise ValueError(f"{name} has shape {actual.shape}, expected {wanted.shape}")
                if not np.isfinite(actual).all():
                    return float("inf")
                difference = np.abs(actual.reshape(-1) - wanted.reshape(-1)).max(initial=0)
                largest = max(largest, difference / max(np.abs(wanted).max(initial=0), 1e-2))
        return float(largest)


def read_cases(folder):
    tensors = read_safetensors(os.path.join(folder, "golden.safetensors"))
    with open(os.path.join(folder, "cases.json")) as file:
        return [Case(entry, folder, tensors) for entry in json.load(file)]


class Captured:
    """What native code prints while the block runs; nothing of it reaches the terminal."""

    def __enter__(self):
        sys.stdout.flush()
        sys.stderr.flush()
        self.file = tempfile.TemporaryFile()
        self.saved = os.dup(1), os.dup(2)
        os.dup2(self.file.fileno(), 1)
        os.dup2(self.file.fileno(), 2)
        return self

    def __exit__(self, *_):
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), self.saved):
            os.dup2(copy, number)
            os.close(copy)
        self.file.seek(0)
        self.text = self.file.read().decode(errors="replace")
        self.file.close()


def outcome(case, check, work):
    """One line of the report: {"id", "check", "status": "ran" | "refused", "error", "message"}."""
    captured = Captured()
    try:
        with captured:
            error = work()
        return {"id": case.id, "check": check, "status": "ran", "error": min(error, 1e30), "message": ""}
    except Exception as failure:  # Runtimes throw what they like; the message is the finding.
        message = f"{type(failure).__name__}: {failure}\n{captured.text}".strip()
        return {"id": case.id, "check": check, "status": "refused", "error": None, "message": message[:2000]}
