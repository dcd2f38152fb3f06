"""Other runtimes' opinion of a folder of model files: check.py FOLDER [OLD_PHONE_PYTHON]

Writes FOLDER/report.json, a list with one entry per file and check (see cases.outcome). Each group
of checks is a process of its own, so that libraries do not meet: check.py FOLDER --only GROUP.
"""

import importlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

GROUPS = ["check_onnx", "check_tflite", "check_mnn"]


def group_in_child(python, folder, group):
    arguments = [python, "-B", os.path.abspath(__file__), folder, "--only", group]
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{group} failed:\n{done.stderr[-3000:]}")
    # Libraries print what they like before; the last line is ours.
    return json.loads(done.stdout.strip().split("\n")[-1])


def main():
    folder, *rest = sys.argv[1:]
    if rest[:1] == ["--only"]:
        from cases import read_cases

        results = list(importlib.import_module(rest[1]).run(read_cases(folder)))
        print(json.dumps(results), flush=True)
        return
    jobs = [(sys.executable, folder, group) for group in GROUPS]
    jobs += [(python, folder, "check_tflite") for python in rest]
    with ThreadPoolExecutor(2) as pool:
        report = [line for lines in pool.map(lambda job: group_in_child(*job), jobs) for line in lines]
    with open(os.path.join(folder, "report.json"), "w") as file:
        json.dump(report, file)


main()
