"""The phones' functions in TensorFlow: the maths of models/ line for line, in the layout that is best
for a phone (products over a whole sequence at once, recurrences unrolled), as a careful engineer
would write them for tf.lite.TFLiteConverter. Weights are those of the trained model, by name.
"""

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


def gru(x, mask, w, name):
    """States of a sequence [1, T, D] with mask [1, T]: [1, T, H]. A masked step keeps the state."""
    _, steps, inputs = x.shape
    units = w[f"{name}/state/bias"].shape[0]
    projected = tf.unstack(project(x[0], w, name), axis=0)
    h = tf.zeros([1, units])
    states = []
    for t in range(steps):
        following = step(projected[t][None], h, w, name, inputs)
        m = mask[:, t : t + 1]
        h = following * m + h * (1.0 - m)
        states.append(h)
    return tf.stack(states, 1)


def masked_softmax(scores, mask):
    filled = scores * mask + (1.0 - mask) * PADDING_SCORE
    return tf.nn.softmax(filled) * mask


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
    def run(w, x):
        states = {}
        for kind, source in (("item", x["item_vec"]), ("action", x["action"])):
            name = f"{encoder}/{kind}/0"
            projected = project(source, w, name)
            states[f"next_{kind}"] = step(projected, x[f"state_{kind}"], w, name, source.shape[-1])
        return states

    return run


def attention(w, name, queries, x, prefix):
    keys = x[f"{prefix}_item_state"][0]  # [K, H]
    values = tf.concat([x[f"{prefix}_action_state"][0], keys], 1)  # [K, 2H]
    q = tf.matmul(queries, w[f"{name}/query/kernel"]) + w[f"{name}/query/bias"]  # [N, A]
    k = tf.matmul(keys, w[f"{name}/key/kernel"])
    k = k + tf.matmul(x[f"{prefix}_decay"][0], w[f"{name}/decay/kernel"])  # [K, A]
    y = tf.tanh(q[:, None, :] + k[None, :, :])  # [N, K, A]
    scores = tf.matmul(tf.reshape(y, [-1, y.shape[-1]]), w[f"{name}/vector"])
    scores = tf.reshape(scores, [y.shape[0], y.shape[1]])  # [N, K]
    return tf.matmul(masked_softmax(scores, x[f"{prefix}_mask"]), values)  # [N, 2H]


def rerank(w, x):
    slate = tf.concat([x["cand_vec"], x["cand_dense"]], 2)
    states = gru(slate, x["cand_mask"], w, "candidate/0")[0]  # [N, H]
    contexts = [
        attention(w, f"attention/{encoder}", states, x, prefix)
        for prefix, encoder in (("exp", "exposure"), ("pv", "page_view"))
    ]
    own = tf.concat([*contexts, states, slate[0]], 1)
    shared = tf.concat([states[-1:], x["context"]], 1)
    logits = mlp(own, w, "head", shared)
    return {"scores": tf.reshape(logits, [1, -1]) * x["cand_mask"]}


def match(w, prefix, candidates, x):
    items = gru(x[f"{prefix}_item_vec"], x[f"{prefix}_mask"], w, f"{prefix}-item/0")[0]
    actions = gru(x[f"{prefix}_action"], x[f"{prefix}_mask"], w, f"{prefix}-action/0")[0]
    scores = tf.matmul(candidates, items, transpose_b=True)  # [1, K]
    alpha = masked_softmax(scores, x[f"{prefix}_mask"])
    return tf.split(tf.matmul(alpha, tf.concat([items, actions], 1)), 2, axis=1)


def decide(w, x):
    hidden = tf.tanh(dense(x["unexposed_vec"][0], w, "candidates"))  # [U, H]
    mask = x["unexposed_mask"][0][:, None]
    count = tf.maximum(tf.reduce_sum(mask, 0, keepdims=True), 1.0)
    candidates = tf.reduce_sum(hidden * mask, 0, keepdims=True) / count  # [1, H]
    exposed, exposed_actions = match(w, "since", candidates, x)
    clicked, clicked_actions = match(w, "sclk", candidates, x)
    parts = [candidates, exposed, exposed_actions, clicked, clicked_actions]
    parts += [candidates * exposed, candidates * clicked]
    parts += [tf.reduce_mean(x["since_decay"], 1), tf.reduce_mean(x["sclk_decay"], 1), x["context"]]
    return {"uplift": mlp(tf.concat(parts, 1), w, "uplift")}


FUNCTIONS = {
    "encodeExposureStep": encode_step("exposure"),
    "rerank": rerank,
    "decide": decide,
    "mlp": lambda w, x: {"y": mlp(x["x"], w, "mlp")},
}
