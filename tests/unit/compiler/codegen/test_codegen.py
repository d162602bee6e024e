"""The printer and the driver: C that says what was meant, names that cannot clash, constants that are exact."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tvm import tirx

from ocrm55 import resources
from ocrm55.compiler.codegen import driver
from ocrm55.compiler.operators.program import Program, Tensor, identifier
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.targets.c.expressions import Expressions
from ocrm55.compiler.targets.c.printer import print_function
from ocrm55.compiler.targets.c.schedules.loops import Loops, broadcast, number
from ocrm55.compiler.targets.c.target import VECTORS
from ocrm55.errors import UnsupportedError
from ocrm55.tasks.recognizer.image import normalise


@given(st.text(max_size=30))
def test_identifiers_are_identifiers(text):
    name = identifier(text)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)
    assert not name.startswith("op_")


@pytest.mark.parametrize("name", ["int", "arena", "hook", "for", "op_conv", "3x3", "a/b*c", ""])
def test_names_that_c_has_taken_are_changed(name):
    assert identifier(name) != name


def test_a_function_reads_like_c():
    k = Loops()
    x = k.parameter("x", (2, 8))
    y = k.parameter("y", (2, 8), written=True)
    with k.loop("i", 4) as i:
        total = k.register("total", broadcast(k.load(x, i)))
        k.accumulate(total, k.load4(x, i * 4), broadcast(number(2.0)))
        k.store4(y, i * 4, total.value)
    function = print_function("op_twice", k.kernel(), "a comment")
    assert function.source == (
        "/* a comment */\n"
        "void op_twice(\n"
        "    const float *restrict x /* 2x8 */,\n"
        "    float *restrict y /* 2x8 */) {\n"
        "    for (int32_t i = 0; i < 4; ++i) {\n"
        "        f32x4 total = f32x4_set(x[i]);\n"
        "        total = f32x4_fma_n(total, f32x4_load(&x[i * 4]), 2.0f);\n"
        "        f32x4_store(&y[i * 4], total);\n"
        "    }\n"
        "}\n"
    )


def test_parameters_that_may_share_bytes_are_not_restrict():
    k = Loops()
    x = k.parameter("x", (4,))
    w = k.parameter("w", (4,))
    y = k.parameter("y", (4,), written=True)
    k.workspace("scratch", (4,))
    k.store(y, 0, k.load(x, 0) + k.load(w, 0))
    assert print_function("op_copy", k.kernel(in_place=True)).prototype.splitlines()[1:] == [
        "    const float *x /* 4 */,",
        "    const float *restrict w /* 4 */,",
        "    float *y /* 4 */,",
        "    float *restrict scratch /* 4 */)",
    ]


def test_variables_of_one_name_get_names_of_their_own():
    k = Loops()
    y = k.parameter("y", (9,), written=True)
    with k.loop("i", 3) as outer, k.loop("i", 3) as inner:
        k.store(y, outer * 3 + inner, number(1.0))
    with k.loop("i", 9) as again:
        k.store(y, again, number(2.0))
    source = print_function("op_fill", k.kernel()).source
    assert "y[i * 3 + i_2] = 1.0f;" in source
    assert "y[i] = 2.0f;" in source, "a name is free again after its block"


def test_what_cannot_be_printed_is_refused():
    expressions = Expressions(str, lambda buffer, index: f"{buffer}[{index}]")
    with pytest.raises(UnsupportedError, match="cannot print"):
        expressions.print(tirx.call_intrin("float32", "tirx.acosh", number(1.0)))


def test_division_rounds_down_where_something_may_be_negative():
    expressions = Expressions(lambda v: str(v.name), lambda buffer, index: f"{buffer}[{index}]")
    i = tirx.Var("i", "int32")
    assert expressions.print(tirx.floordiv(i + 4, 3)) == "((i + 4) / 3)"
    assert expressions.print(tirx.floormod(i - 4, 3)) == "ocrm55_floormod_int32(i - 4, 3)"


VEC_TEST = """
#include <stdio.h>
#include "ocrm55_vec.h"
int main(void) {
    double worst = 0.0;
    for (float x = -87.3f; x < 88.0f; x += 0.001f) {
        const double found = f32_exp(x), error = fabs(found / exp((double)x) - 1.0);
        if (error > worst) worst = error;
    }
    float out[4] = {9, 9, 9, 9};
    const float in[7] = {1, 2, 3, 4, 5, 6, 7};
    f32x4_store_first(out, f32x4_load_first(in, 3), 2);
    const f32x4 odd = f32x4_load_stride(in, 2);
    if (ocrm55_floordiv_int32(-7, 3) != -3 || ocrm55_floormod_int32(-7, 3) != 2) return 2;
    if (ocrm55_floordiv_int64(-6, 3) != -2 || ocrm55_floormod_int64(7, 3) != 1) return 2;
    printf("%g %g %g %g %g %g %g %g %g %g\\n", worst, f32_exp(-1e30f), f32_exp(0.0f), out[0], out[1], out[2], odd[3],
           f32x4_max_of(odd), f32x4_sum(odd), f32x4_swish(f32x4_set(-200.0f))[0]);
    return isfinite(f32_exp(1e30f)) ? 0 : 1;
}
"""


def test_vector_functions(tmp_path):
    """The header's exp is within 2e-7 of the true one over its whole range; masks and strides touch what they say."""
    (tmp_path / "t.c").write_text(VEC_TEST)
    subprocess.run(
        ["cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-I", str(VECTORS.parent), "t.c", "-o", "t", "-lm"],
        cwd=tmp_path,
        check=True,
    )
    done = subprocess.run(["./t"], cwd=tmp_path, capture_output=True, text=True, check=True)
    worst, tiny, one, first, second, third, last, largest, total, swish = map(float, done.stdout.split())
    assert worst < 2e-7
    assert 0 <= tiny < 2e-38
    assert one == 1.0
    assert (first, second, third) == (1, 2, 9)
    assert (last, largest, total) == (7, 7, 16)
    assert abs(swish) < 1e-30


KERNELS = resources.folder("firmware") / "kernels"
SET_IMAGE = """
#include <stdint.h>
#include <stdio.h>
#include "ocrm55_kernels.h"
static _Alignas(16) uint8_t arena[64 + 4 * 46080], picture[46080];
%s
int main(void) {
    const size_t bytes = fread(picture, 1, sizeof picture, stdin);
    set_image(arena, picture, (int32_t)(bytes / 144));
    return fwrite(arena + 64, %d, 46080, stdout) != 46080;
}
"""


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    "quantization", [None, Quantization(1 / 127, 0), Quantization(0.007, -3), Quantization(0.02, 90)]
)
def test_preprocessing(tmp_path, channels_last, quantization):
    """What the generated code makes of a picture is what the host makes of it, quantised as ONNX says."""
    dtype = "int8" if quantization else "float32"
    shape = (1, 48, 320, 3) if channels_last else (1, 3, 48, 320)
    tensor = Tensor("x", shape, dtype, "input", "x", quantization=quantization, channels_last=channels_last)
    size = np.dtype(dtype).itemsize
    program = Program("t", dtype, {"x": tensor})
    (tmp_path / "t.c").write_text(SET_IMAGE % (driver.set_image(program, 64), size))
    given = ["-I", str(KERNELS), "t.c", str(KERNELS / "elementwise/lookup.c")]
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", *given, "-o", "t"], cwd=tmp_path, check=True)
    pixels = np.random.default_rng(3).integers(0, 256, (48, 101, 3), dtype=np.uint8)
    done = subprocess.run(["./t"], cwd=tmp_path, input=pixels.tobytes(), capture_output=True, check=True)
    expected = normalise(pixels)
    if quantization:
        rounded = np.rint(expected / np.float32(quantization.scale)) + quantization.zero_point
        expected = np.clip(rounded, -128, 127).astype(np.int8)
    if channels_last:
        expected = expected.transpose(0, 2, 3, 1)
    assert (np.frombuffer(done.stdout, dtype).reshape(shape) == expected).all()
