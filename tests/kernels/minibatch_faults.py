"""Faults of the mini-batch step: nine kinds, in every kernel that can have them, and some more.

Forward and loss change no parameter, so what can go wrong in an update cannot in them; backward
reads no row through the epoch's order.
"""

from faults import Fault

FORWARD, LOSS, BACKWARD, UPDATE = (
    f"minibatch_{part}.cu" for part in ("forward", "loss", "backward", "update")
)
LAUNCH = "cuda_minibatch.py"
# Rows, inputs and units that fill no tile, three steps, the last of them shorter.
EPOCH = "minibatch_epoch-float32-uint8-uint8"
EDGES = "minibatch_step-float32-33x31x65x32"
LONG = "minibatch_step-float32-129x64x33x10"

ROW_BARRIER = """        if (more) store(slab ^ 1);
        __syncthreads();
"""
NO_BARRIER = "        if (more) store(slab ^ 1);\n"

FAULTS = (
    Fault("missing-barrier", FORWARD, ROW_BARRIER, NO_BARRIER, EPOCH),
    Fault(
        "missing-barrier",
        LOSS,
        "    sums[thread] = sum;\n    __syncthreads();\n",
        "    sums[thread] = sum;\n",
        EPOCH,
        slow=True,
    ),
    Fault(
        "missing-barrier",
        BACKWARD,
        "        __syncthreads();  // before the next chunk overwrites what others still read\n",
        "",
        LONG,
        slow=True,
    ),
    Fault("missing-barrier", UPDATE, ROW_BARRIER, NO_BARRIER, LONG, slow=True),
    Fault(
        "ragged-row-edge",
        FORWARD,
        "row0 + line < rows ? order[start + row0 + line] : -1",
        "order[start + row0 + line]",
        EPOCH,
        "out-of-range",
        slow=True,
    ),
    Fault(
        "ragged-row-edge",
        LAUNCH,
        "            (count,),\n",
        "            (most_rows,),\n",
        EPOCH,
        "out-of-range",
        slow=True,
    ),
    Fault(
        "ragged-row-edge",
        BACKWARD,
        "row < rows ? dlogits[static_cast<long long>(row) * classes + k] : Real(0)",
        "dlogits[static_cast<long long>(row) * classes + k]",
        LONG,
        "out-of-range",
        slow=True,
    ),
    Fault(
        "ragged-row-edge",
        UPDATE,
        "n < rows ? order[start + n] : -1",
        "order[start + n]",
        EPOCH,
        slow=True,
    ),
    Fault(
        "ragged-column-edge",
        FORWARD,
        "if (row < 0 || unit >= units) continue;",
        "if (row < 0) continue;",
        EDGES,
        slow=True,
    ),
    Fault("ragged-column-edge", LOSS, "j < units; j +=", "j <= units; j +=", EDGES, slow=True),
    Fault(
        "ragged-column-edge",
        BACKWARD,
        "unit < units && y < classes",
        "unit <= units && y < classes",
        EDGES,
    ),
    Fault(
        "ragged-column-edge",
        UPDATE,
        "if (unit >= units || column > inputs) continue;",
        "if (column > inputs) continue;",
        EDGES,
        slow=True,
    ),
    Fault(
        "weight-read-after-its-update",
        BACKWARD,
        "        __syncthreads();  // before",
        "        weights[y][x] -= scale * sum;\n        __syncthreads();  // before",
        LONG,
        "weight",
        slow=True,
    ),
    Fault(
        "weight-read-after-its-update",
        "momentum.cuh",
        "    if (rule.decay != 0) gradient += rule.decay * old_parameter;",
        "    *parameter -= rule.momentum * *velocity;\n"
        "    if (rule.decay != 0) gradient += rule.decay * *parameter;",
        EDGES,
        "weight",
        slow=True,
    ),
    Fault(
        "l2-on-a-bias",
        BACKWARD,
        "Rule<Real>{momentum, scale, 0, nesterov}",
        "Rule<Real>{momentum, scale, decay, nesterov}",
        EDGES,
        "last_bias",
        slow=True,
    ),
    Fault(
        "l2-on-a-bias",
        UPDATE,
        "Rule<Real>{momentum, step_scale, 0, nesterov}",
        "Rule<Real>{momentum, step_scale, decay, nesterov}",
        EDGES,
        "bias",
    ),
    Fault(
        "nesterov-left-out",
        BACKWARD,
        "Rule<Real>{momentum, scale, decay, nesterov}",
        "Rule<Real>{momentum, scale, decay, 0}",
        EDGES,
        "last_weight",
        slow=True,
    ),
    Fault(
        "nesterov-left-out",
        UPDATE,
        "Rule<Real>{momentum, step_scale, decay, nesterov}",
        "Rule<Real>{momentum, step_scale, decay, 0}",
        EDGES,
        "weight",
        slow=True,
    ),
    Fault(
        "stale-velocity",
        BACKWARD,
        "advance(weight + place, velocity + place,",
        "Real kept = velocity[place];\n        advance(weight + place, &kept,",
        EDGES,
        "velocity of last_weight",
        slow=True,
    ),
    Fault(
        "stale-velocity",
        UPDATE,
        "advance(weight + place, velocity + place,",
        "Real kept = velocity[place];\n            advance(weight + place, &kept,",
        EDGES,
        "velocity of weight",
        slow=True,
    ),
    Fault(
        "wrong-order-index",
        FORWARD,
        "order[start + row0 + line]",
        "order[row0 + line]",
        EPOCH,
        slow=True,
    ),
    Fault(
        "wrong-order-index",
        LOSS,
        "labels[order[start + blockIdx.x]]",
        "labels[start + blockIdx.x]",
        EPOCH,
    ),
    Fault("wrong-order-index", UPDATE, "? order[start + n]", "? order[n]", EPOCH, slow=True),
    Fault(
        "32-bit-offset",
        FORWARD,
        "static_cast<long long>(input0 + line) * units + unit",
        "(input0 + line) * units + unit",
        "last_block-minibatch_forward",
        slow=True,
    ),
    Fault(
        "32-bit-offset",
        "minibatch.cuh",
        "features[row * inputs + column]",
        "features[static_cast<int>(row) * inputs + column]",
        "last_block-minibatch_update",
        slow=True,
    ),
    Fault(
        "32-bit-offset",
        LOSS,
        "static_cast<long long>(blockIdx.x) * units",
        "static_cast<int>(blockIdx.x) * units",
        "last_block-minibatch_loss",
        slow=True,
    ),
    Fault(
        "32-bit-offset",
        BACKWARD,
        "static_cast<long long>(row) * units + unit",
        "row * units + unit",
        "last_block-minibatch_backward",
        slow=True,
    ),
    Fault(
        "32-bit-offset",
        UPDATE,
        "static_cast<long long>(column) * units + unit",
        "column * units + unit",
        "last_block-minibatch_update",
        slow=True,
    ),
    Fault("swapped-arrays", LAUNCH, "(hidden, dlogits, rows,", "(dlogits, hidden, rows,", EDGES),
    Fault(
        "python-int-as-argument",
        LAUNCH,
        "np.int32(n_classes)",
        "n_classes",
        EDGES,
        "8 bytes",
        slow=True,
    ),
    Fault(
        "rate-of-the-first-step",
        LAUNCH,
        "real(rate * (1.0 / count))",
        "real(steps[0][1] * (1.0 / count))",
        EPOCH,
        slow=True,
    ),
    Fault(
        "tie-to-the-last-class",
        LOSS,
        "if (logits[other] > largest)",
        "if (logits[other] >= largest)",
        "minibatch_ties-float32",
        "correct",
        slow=True,
    ),
)
