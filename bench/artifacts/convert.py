"""TensorFlow's own files of our functions: convert.py FOLDER… writes theirs.float32.tflite and
theirs.int8.tflite into each. Int8 from the same calibration rows, float32 at the edges.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow as tf

from folder import Subject
from models import FUNCTIONS


class Exported(tf.Module):
    """Weights as constants of the graph, as the converter wants them."""

    def __init__(self, subject):
        super().__init__()
        weights = {name: tf.constant(array) for name, array in subject.weights().items()}
        names = list(subject.inputs)

        @tf.function(
            input_signature=[tf.TensorSpec(shape, tf.float32, name) for name, shape in subject.inputs.items()]
        )
        def serve(*arguments):
            return FUNCTIONS[subject.name](weights, dict(zip(names, arguments)))

        self.serve = serve


def converter(subject):
    module = Exported(subject)
    saved = subject.path("saved-model")
    tf.saved_model.save(module, saved, signatures={"serving_default": module.serve})
    return tf.lite.TFLiteConverter.from_saved_model(saved)


def convert(subject):
    plain = converter(subject)
    write(subject, "theirs.float32.tflite", plain.convert())

    quantised = converter(subject)
    quantised.optimizations = [tf.lite.Optimize.DEFAULT]
    quantised.representative_dataset = lambda: iter(subject.rows("calibration"))
    write(subject, "theirs.int8.tflite", quantised.convert())


def write(subject, name, data):
    with open(subject.path(name), "wb") as file:
        file.write(data)


for folder in sys.argv[1:]:
    subject = Subject(folder)
    print(f"TensorFlow {tf.__version__} converts {subject.name}", flush=True)
    convert(subject)
