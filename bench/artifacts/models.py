"""The phones' functions in TensorFlow: the maths of models/ line for line, products over a whole
sequence at once. Recurrences and masks come in the forms that one would try for the converter.
Weights are those of the trained model, by name.
"""

import numpy as np
import tensorflow as tf

PADDING_SCORE = -20.0


def project(x, w, name):
    """The input's share of a GRU's gates and state, for every step at once: [..., 3H]."""
    width = x.shape[-1]
    gates, state = w[f"{name}/gates/kernel"], w[f"{name}/state/kernel"]
    kernel = tf.concat([gates[:width], state[:width]], 1)
    bias = tf.concat([w[f"{name}/gates/bias"], w[f"{name}/state/bias"]], 0)
    return tf.matmul(x, kernel) + bias


def step(projected, h, w, name, inputs):
    """One step of a GRU given its input's share [1, 3H] and the state [1, H]."""
    units = h.shape[-1]
    gates = tf.sigmoid(projected[:, : 2 * units] + tf.matmul(h, w[f"{name}/gates/kernel"][inputs:]))
    r, u = gates[:, :units], gates[:, units:]
    c = tf.tanh(projected[:, 2 * units :] + tf.matmul(r * h, w[f"{name}/state/kernel"][inputs:]))
    return u * h + (1.0 - u) * c


class Unrolled:
    """All steps one after another, masks as factors, as the model's own code has them."""

    def __init__(self):
        self.layers = {}

    def choose(self, mask, yes, no):
        return yes * mask + no * (1.0 - mask)

    def masked_softmax(self, scores, mask):
        return tf.nn.softmax(self.choose(mask, scores, PADDING_SCORE)) * mask

    def gru(self, x, mask, w, name):
        """States of a sequence [1, T, D] with mask [1, T]: [1, T, H]. A masked step keeps the state."""
        _, steps, inputs = x.shape
        projected = tf.unstack(project(x[0], w, name), axis=0)
        h = tf.zeros([1, w[f"{name}/state/bias"].shape[0]])
        states = []
        for t in range(steps):
            following = step(projected[t][None], h, w, name, inputs)
            h = self.choose(mask[:, t : t + 1], following, h)
            states.append(h)
        return tf.stack(states, 1)


class Choosing(Unrolled):
    """The same with masks as choices, which int8 represents better."""

    def choose(self, mask, yes, no):
        return tf.where(tf.broadcast_to(mask, yes.shape) > 0.5, yes, no)


class Loop(Choosing):
    """Keras' GRU: a loop over the steps."""

    def gru(self, x, mask, w, name):
        units, inputs = w[f"{name}/state/bias"].shape[0], x.shape[-1]
        if name not in self.layers:
            with tf.init_scope():
                self.layers[name] = keras_gru({k: v.numpy() for k, v in w.items()}, name, inputs, units)
        return self.layers[name](x, mask=mask > 0.5)


def keras_gru(w, name, inputs, units):
    """Keras keeps the update gate before the reset gate, and has one matrix for gates and state."""
    layer = tf.keras.layers.GRU(units, return_sequences=True, reset_after=False)
    layer.build(tf.TensorShape([1, None, inputs]))
    kernels = []
    for part in ("kernel", "bias"):
        gates, state = w[f"{name}/gates/{part}"], w[f"{name}/state/{part}"]
        kernels.append(np.concatenate([gates[..., units:], gates[..., :units], state], -1))
    kernel, bias = kernels
    layer.set_weights([kernel[:inputs], kernel[inputs:], bias])
    return layer


FORMS = {"unrolled": Unrolled, "choosing": Choosing, "loop": Loop}


def dense(x, w, name):
    return tf.matmul(x, w[f"{name}/kernel"]) + w[f"{name}/bias"]


def mlp(x, w, name, shared=None):
    layer = 0
    while f"{name}/{layer}/kernel" in w:
        x = dense(x, w, f"{name}/{layer}")
        if layer == 0 and shared is not None:
            x = x + tf.matmul(shared, w[f"{name}/shared/kernel"])
        x = tf.nn.relu(x)
        layer += 1
    return dense(x, w, f"{name}/out")


def encode_step(encoder):
    def run(_, w, x):
        states = {}
        for kind, source in (("item", x["item_vec"]), ("action", x["action"])):
            name = f"{encoder}/{kind}/0"
            projected = project(source, w, name)
            states[f"next_{kind}"] = step(projected, x[f"state_{kind}"], w, name, source.shape[-1])
        return states

    return run


def attention(form, w, name, queries, x, prefix):
    keys = x[f"{prefix}_item_state"][0]  # [K, H]
    values = tf.concat([x[f"{prefix}_action_state"][0], keys], 1)  # [K, 2H]
    q = tf.matmul(queries, w[f"{name}/query/kernel"]) + w[f"{name}/query/bias"]  # [N, A]
    k = tf.matmul(keys, w[f"{name}/key/kernel"])
    k = k + tf.matmul(x[f"{prefix}_decay"][0], w[f"{name}/decay/kernel"])  # [K, A]
    y = tf.tanh(q[:, None, :] + k[None, :, :])  # [N, K, A]
    scores = tf.matmul(tf.reshape(y, [-1, y.shape[-1]]), w[f"{name}/vector"])
    scores = tf.reshape(scores, [y.shape[0], y.shape[1]])  # [N, K]
    return tf.matmul(form.masked_softmax(scores, x[f"{prefix}_mask"]), values)  # [N, 2H]


def rerank(form, w, x):
    slate = tf.concat([x["cand_vec"], x["cand_dense"]], 2)
    states = form.gru(slate, x["cand_mask"], w, "candidate/0")[0]  # [N, H]
    contexts = [
        attention(form, w, f"attention/{encoder}", states, x, prefix)
        for prefix, encoder in (("exp", "exposure"), ("pv", "page_view"))
    ]
    own = tf.concat([*contexts, states, slate[0]], 1)
    shared = tf.concat([states[-1:], x["context"]], 1)
    logits = mlp(own, w, "head", shared)
    return {"scores": tf.reshape(logits, [1, -1]) * x["cand_mask"]}


def match(form, w, prefix, candidates, x):
    items = form.gru(x[f"{prefix}_item_vec"], x[f"{prefix}_mask"], w, f"{prefix}-item/0")[0]
    actions = form.gru(x[f"{prefix}_action"], x[f"{prefix}_mask"], w, f"{prefix}-action/0")[0]
    scores = tf.matmul(candidates, items, transpose_b=True)  # [1, K]
    alpha = form.masked_softmax(scores, x[f"{prefix}_mask"])
    return tf.split(tf.matmul(alpha, tf.concat([items, actions], 1)), 2, axis=1)


def decide(form, w, x):
    hidden = tf.tanh(dense(x["unexposed_vec"][0], w, "candidates"))  # [U, H]
    mask = x["unexposed_mask"][0][:, None]
    count = tf.maximum(tf.reduce_sum(mask, 0, keepdims=True), 1.0)
    candidates = tf.reduce_sum(hidden * mask, 0, keepdims=True) / count  # [1, H]
    exposed, exposed_actions = match(form, w, "since", candidates, x)
    clicked, clicked_actions = match(form, w, "sclk", candidates, x)
    parts = [candidates, exposed, exposed_actions, clicked, clicked_actions]
    parts += [candidates * exposed, candidates * clicked]
    parts += [tf.reduce_mean(x["since_decay"], 1), tf.reduce_mean(x["sclk_decay"], 1), x["context"]]
    return {"uplift": mlp(tf.concat(parts, 1), w, "uplift")}


FUNCTIONS = {
    "encodeExposureStep": encode_step("exposure"),
    "rerank": rerank,
    "decide": decide,
    "mlp": lambda _, w, x: {"y": mlp(x["x"], w, "mlp")},
}
