"""Keras trains what bench/train/models.ts describes, on the same weights and batches.

Reads one JSON command a line and answers with one JSON line:
  {"do": "open", "model", "folder", "reset_after", "optimizer", "unroll"}  -> {"loss"} of the first step
  {"do": "steps", "count"}                           -> {"wallMs", "cpuMs", "loss"} of all of them
"""

import json
import math
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from safetensors_file import read_safetensors
from tensorflow.keras import layers

tf.config.threading.set_intra_op_parallelism_threads(int(os.environ["TF_NUM_INTRAOP_THREADS"]))
tf.config.threading.set_inter_op_parallelism_threads(int(os.environ["TF_NUM_INTEROP_THREADS"]))

LEARNING_RATE = 0.001
PADDING_SCORE = -1e9


def head(units):
    return [layers.Dense(size, activation="relu") for size in units] + [layers.Dense(1)]


class Recurrent(tf.keras.Model):
    def __init__(self, rows, reset_after, unroll):
        super().__init__()
        self.table = layers.Embedding(rows, 16)
        self.gru = layers.GRU(
            32, return_sequences=True, reset_after=reset_after, unroll=unroll
        )
        self.query = layers.Dense(32, use_bias=False)
        self.head = head([64, 32])

    def call(self, batch):
        items = self.table(batch["cand"])
        states = self.gru(self.table(batch["hist"]), mask=tf.cast(batch["mask"], tf.bool))
        scores = tf.matmul(self.query(items), states, transpose_b=True) / math.sqrt(32)
        padding = (1 - batch["mask"]) * PADDING_SCORE
        attention = tf.nn.softmax(scores + padding[:, tf.newaxis, :])
        h = tf.concat([tf.matmul(attention, states), items], 2)
        for layer in self.head:
            h = layer(h)
        return tf.squeeze(h, 2)

    def take(self, weights):
        self.table.set_weights([weights["embedding/item"]])
        self.query.set_weights([weights["query"]])
        take_head(self.head, weights)
        if self.gru.cell.reset_after:
            return
        # Ours has reset before update in one kernel, and the candidate in another; theirs z, r, h.
        gates, state = weights["gru/gates/kernel"], weights["gru/state/kernel"]
        reset, update = tf.split(gates, 2, 1)
        kernel = tf.concat([update, reset, state], 1).numpy()
        reset, update = tf.split(weights["gru/gates/bias"], 2)
        bias = tf.concat([update, reset, weights["gru/state/bias"]], 0).numpy()
        self.gru.set_weights([kernel[:16], kernel[16:], bias])


class Mlp(tf.keras.Model):
    def __init__(self, rows):
        super().__init__()
        self.table = layers.Embedding(rows, 16)
        self.flat = layers.Flatten()
        self.head = head([256, 128])

    def call(self, batch):
        h = tf.concat([self.flat(self.table(batch["ids"])), batch["dense"]], 1)
        for layer in self.head:
            h = layer(h)
        return h

    def take(self, weights):
        self.table.set_weights([weights["embedding/item"]])
        take_head(self.head, weights)


def take_head(dense, weights):
    for i, layer in enumerate(dense):
        name = "head/out" if i == len(dense) - 1 else f"head/{i}"
        layer.set_weights([weights[f"{name}/kernel"], weights[f"{name}/bias"]])


def open_training(command):
    tensors = read_safetensors(os.path.join(command["folder"], f"{command['model']}.safetensors"))
    weights = {name[8:]: t for name, t in tensors.items() if name.startswith("weights/")}
    rows = len(weights["embedding/item"])
    if command["model"] == "mlp":
        model = Mlp(rows)
    else:
        model = Recurrent(rows, command["reset_after"], command.get("unroll", False))
    adam = tf.keras.optimizers.legacy.Adam if command["optimizer"] == "legacy" else tf.keras.optimizers.Adam
    optimizer = adam(LEARNING_RATE, epsilon=1e-7)
    loss_of = tf.keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            loss = loss_of(batch["label"], model(batch))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    batches = {}
    for name, tensor in tensors.items():
        which, column = name.split("/", 1)
        if which != "weights":
            batches.setdefault(which, {})[column] = tf.constant(tensor)
    batches = list(batches.values())
    model(batches[0])
    model.take(weights)
    return step, batches


def main():
    step, batches, done = None, [], 0
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "open":
            step, batches = open_training(command)
            done = 1
            answer = {"loss": float(step(batches[0]))}
        else:
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(command["count"]):
                loss = float(step(batches[done % len(batches)]))
                done += 1
            answer = {
                "wallMs": 1e3 * (time.perf_counter() - wall),
                "cpuMs": 1e3 * (time.process_time() - cpu),
                "loss": loss,
            }
        print(json.dumps(answer), flush=True)


main()
