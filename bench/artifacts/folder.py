"""What the bench writes for Python: see write.ts."""

import json
import os

from safetensors_file import read_safetensors


class Subject:
    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "subject.json")) as file:
            about = json.load(file)
        self.name = about["name"]
        self.inputs = about["inputs"]  # name to shape
        self.forms = about["forms"]  # of theirs
        self.tensors = read_safetensors(os.path.join(folder, "rows.safetensors"))

    def rows(self, part):
        """Inputs by name, of `calibration` or `held` rows."""
        columns = {name: self.tensors[f"{part}/{name}"] for name in self.inputs}
        count = len(next(iter(columns.values())))
        return [{name: column[i : i + 1] for name, column in columns.items()} for i in range(count)]

    def weights(self):
        return read_safetensors(os.path.join(self.folder, "weights.safetensors"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def bytes(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()
