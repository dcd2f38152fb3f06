"""ONNX files: the format's own checker, and ONNX Runtime for Python."""

import onnx
import onnxruntime

from cases import outcome


def checker(case):
    onnx.checker.check_model(case.bytes(), full_check=True)
    return 0.0


def runtime(case):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # As the runtime of this project has it: the default on ARM.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(case.bytes(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return case.error(lambda inputs: dict(zip(names, session.run(names, inputs))))


def run(cases):
    for case in cases:
        if case.format == "onnx":
            yield outcome(case, "onnx.checker", lambda: checker(case))
            yield outcome(case, "ONNX Runtime", lambda: runtime(case))
