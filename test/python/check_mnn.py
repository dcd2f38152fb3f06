"""MNN: its converter, then its runtime. Each file in a process of its own, which MNN may crash.

The converter is called as the native module does it: importing the package's own Python wrapper
(MNN.tools) installs further packages with pip and reports each conversion to a server.
"""

import json
import os

import _tools
import MNN

from cases import outcome

FORMATS = {"onnx": "ONNX", "tflite": "TFLITE"}


def convert_and_run(case):
    target = f"{case.path}.mnn"
    arguments = ["mnnconvert", "-f", FORMATS[case.format], "--modelFile", case.path]
    if not _tools.mnnconvert([*arguments, "--MNNModel", target, "--bizCode", "edgeloom"]):
        raise RuntimeError("the converter refuses the file")
    layout = MNN.expr.NHWC if case.format == "tflite" else MNN.expr.NCHW
    names = list(case.rows[0][0])
    module = MNN.nn.load_module_from_file(target, names, case.outputs)
    dtypes = {"float32": MNN.expr.float, "int32": MNN.expr.int}

    def run(inputs):
        values = [
            MNN.expr.const(inputs[name], list(inputs[name].shape), layout, dtypes[inputs[name].dtype.name])
            for name in names
        ]
        results = module.forward(values)
        if len(results) != len(case.outputs):
            raise RuntimeError("no result: the shapes of the converted file do not fit")
        return {
            name: MNN.expr.convert(result, layout).read() for name, result in zip(case.outputs, results)
        }

    return case.error(run)


def in_child(case):
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        line = json.dumps(outcome(case, "MNN", lambda: convert_and_run(case)))
        os.write(write_end, line.encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if text:
        return json.loads(text)
    message = f"MNN ended the process (wait status {status})"
    return {"id": case.id, "check": "MNN", "status": "refused", "error": None, "message": message}


def run(cases):
    for case in cases:
        if case.for_mnn:
            yield in_child(case)
