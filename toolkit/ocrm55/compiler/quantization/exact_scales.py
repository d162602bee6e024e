"""Scales for which every way of requantisation gives the same answer.

A factor turns a sum into the next int8. ONNX Runtime multiplies in float32 and rounds half to even; a library of
kernels multiplies in fixed point and rounds half up. If the factor is p / 2^e with a small odd p, both products are
practically exact. Only odd multiples of 2^(e-1) then give a half, and int8 has room only for p / 2. Both round this
one up if p + 1 is a multiple of 4. Such a factor is a few per cent away from the wanted one. A scale of weights, or of
an output, may move by that much.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BITS = 8  # values of p: 131, 135 .. 255, so that -p / 2 and 3 p / 2 do not fit an output
TRIED = 6  # numbers p to try, one after the other, until a float32 scale gives the factor to the last bit
NEIGHBOURS = np.asarray(sorted(range(-8, 9), key=abs))  # float32 numbers to try around the scale in real numbers

Float = npt.NDArray[np.floating]


def factors(wanted: npt.ArrayLike, *, below: bool = False) -> Float:
    """[.., TRIED] factors p / 2^e from `wanted` upwards, or downwards: float64, nearest first."""
    fraction, exponent = np.frexp(np.asarray(wanted, np.float64))
    p = fraction * 2**BITS
    first = np.floor((p - 3) / 4) * 4 + 3 if below else np.ceil((p - 3) / 4) * 4 + 3
    steps = np.arange(TRIED) * (-4 if below else 4)
    return np.ldexp((first[..., None] + steps) / 2**BITS, exponent[..., None])


def of_weights(scale: Float, source: float, outputs: Float, gain: float = 1.0) -> Float:
    """Scales of weights, float32 and no smaller than `scale`, for which source * scale * gain / outputs is a factor.

    source: scale of the input; outputs: of the output, one for each channel; gain: of an activation that is a clamp.
    """
    source32, outputs32 = np.float32(source), np.broadcast_to(outputs, scale.shape).astype(np.float32)
    reals = outputs32.astype(np.float64)
    targets = factors(float(source32) * scale.astype(np.float64) * gain / reals)
    near = (targets * reals[:, None] / gain / float(source32)).astype(np.float32)
    tried = near[..., None] + np.spacing(near)[..., None] * NEIGHBOURS.astype(np.float32)
    product = tried.astype(np.float64) * float(source32) * gain / reals[:, None, None]
    hits = product.astype(np.float32) == targets[..., None].astype(np.float32)
    if gain == 1:  # as ONNX Runtime's QLinearConv multiplies and divides
        hits &= (source32 * tried) / outputs32[:, None, None] == targets[..., None].astype(np.float32)
    flat, found = tried.reshape(len(scale), -1), hits.reshape(len(scale), -1).argmax(axis=1)
    return flat[np.arange(len(scale)), found]


def of_product(scale: float, left: float, right: float) -> float:
    """A scale for a product of two tensors, no smaller than `scale`, for which left * right / scale is a factor."""
    step = np.float32(left) * np.float32(right)
    exact = float(np.float32(left)) * float(np.float32(right))
    for target in factors(exact / scale, below=True):
        near = np.float32(exact / target)
        for tried in near + np.spacing(near) * NEIGHBOURS.astype(np.float32):
            if np.float32(target) == step / tried == np.float32(exact / float(tried)):
                return float(tried)
    return float(np.float32(exact / factors(exact / scale, below=True)[0]))
