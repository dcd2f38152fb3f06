"""Runs our files and theirs in LiteRT, one thread, XNNPACK: measure.py FOLDER…

Writes FOLDER/measured.json: {file: {"bytes", "outputs": {name: [row, …]}, "wallUs": [block, …],
"cpuUs": [block, …]}}. Times are those of many short blocks of calls; the files of a subject take
turns, block by block, so that whatever else the machine does meets all of them alike.
"""

import json
import os
import sys
import time
from random import Random

from ai_edge_litert.interpreter import Interpreter

from folder import Subject

BLOCK_SECONDS = 0.002
# Where memory happens to lie makes a file slower by up to 1.8 times, until it is opened again.
OPENINGS = 9
BLOCKS = 60


class Opened:
    def __init__(self, subject, name):
        self.data = subject.bytes(f"{name}.tflite")
        self.interpreter = Interpreter(model_content=self.data, num_threads=1)
        self.interpreter.allocate_tensors()
        (signature,) = self.interpreter.get_signature_list().keys()
        runner = self.interpreter.get_signature_runner(signature)
        self.inputs = {name: at["index"] for name, at in runner.get_input_details().items()}
        self.outputs = {name: at["index"] for name, at in runner.get_output_details().items()}
        self.wall, self.cpu = [], []

    def run(self, row):
        for name, index in self.inputs.items():
            self.interpreter.set_tensor(index, row[name])
        self.interpreter.invoke()
        return {name: self.interpreter.get_tensor(index) for name, index in self.outputs.items()}

    def time_block(self, calls):
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        for _ in range(calls):
            self.interpreter.invoke()
        self.wall.append((time.perf_counter_ns() - wall) / calls / 1000)
        self.cpu.append((time.process_time_ns() - cpu) / calls / 1000)


def outputs_of(file, rows):
    results = [file.run(row) for row in rows]
    return {key: [result[key].reshape(-1).tolist() for result in results] for key in file.outputs}


def time_all(opened, row, random):
    for file in opened.values():
        file.run(row)
        file.time_block(20)
    calls = {name: max(3, int(BLOCK_SECONDS * 1e6 / file.wall[-1])) for name, file in opened.items()}
    for file in opened.values():
        file.wall.clear()
        file.cpu.clear()
    order = list(opened)
    for _ in range(BLOCKS):
        # A fixed order may beat in time with other work of the machine.
        random.shuffle(order)
        for name in order:
            opened[name].time_block(calls[name])


def measure(subject):
    files = sorted(name for name in os.listdir(subject.folder) if name.endswith(".tflite"))
    names = [name[: -len(".tflite")] for name in files]
    held, random, measured = subject.rows("held"), Random(7), {}
    for _ in range(OPENINGS):
        opened = {name: Opened(subject, name) for name in names}
        for name, file in opened.items():
            if name not in measured:
                outputs = outputs_of(file, held)
                measured[name] = {"bytes": len(file.data), "outputs": outputs, "wallUs": [], "cpuUs": []}
        time_all(opened, held[0], random)
        for name, file in opened.items():
            measured[name]["wallUs"] += file.wall
            measured[name]["cpuUs"] += file.cpu
    with open(subject.path("measured.json"), "w") as file:
        json.dump(measured, file)


for folder in sys.argv[1:]:
    subject = Subject(folder)
    print(f"running {subject.name}", flush=True)
    measure(subject)
