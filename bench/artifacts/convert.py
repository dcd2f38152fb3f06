"""TensorFlow's own files of our functions: convert.py FOLDER… writes theirs.FORM.PROFILE.tflite for
each form that the subject names. Int8 from the same calibration rows, float32 at the edges.
"""

import os
import subprocess
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow as tf

from folder import Subject
from models import FORMS, FUNCTIONS


class Exported(tf.Module):
    """Weights as constants of the graph, as the converter wants them."""

    def __init__(self, subject, form):
        super().__init__()
        weights = {name: tf.constant(array) for name, array in subject.weights().items()}
        names = list(subject.inputs)

        @tf.function(
            input_signature=[tf.TensorSpec(shape, tf.float32, name) for name, shape in subject.inputs.items()]
        )
        def serve(*arguments):
            return FUNCTIONS[subject.name](form, weights, dict(zip(names, arguments)))

        serve.get_concrete_function()
        self.serve = serve
        self.layers = list(form.layers.values())


def convert(subject, form, profile):
    module = Exported(subject, FORMS[form]())
    saved = subject.path(f"saved-{form}")
    tf.saved_model.save(module, saved, signatures={"serving_default": module.serve})
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    if profile == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: iter(subject.rows("calibration"))
    data = converter.convert()
    with open(subject.path(f"theirs.{form}.{profile}.tflite"), "wb") as file:
        file.write(data)


def convert_all(subject):
    for form in subject.forms:
        print(f"TensorFlow {tf.__version__} converts {subject.name}, {form}", flush=True)
        convert(subject, form, "float32")
        if form != "loop":
            convert(subject, form, "int8")
            continue
        # A process of its own: quantising a loop is more than this version survives.
        command = [sys.executable, "-B", os.path.abspath(__file__), "--one", subject.folder, form, "int8"]
        status = subprocess.run(command, capture_output=True).returncode
        if status != 0:
            print(f"TensorFlow {tf.__version__} does not make {subject.name}, loop, int8: {status}", flush=True)


if sys.argv[1] == "--one":
    convert(Subject(sys.argv[2]), *sys.argv[3:])
else:
    for folder in sys.argv[1:]:
        convert_all(Subject(folder))
