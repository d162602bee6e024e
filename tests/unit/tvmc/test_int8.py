"""int8 QDQ models: float32 arrays outside, integers inside, the values of ONNX Runtime."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

from ocrm55.errors import UnsupportedError
from tests.unit.tvmc.mlf import SANITIZE, reference, small_network, symbols, unpack
from tests.unit.tvmc.quantised import INSIDE, SHAPE, Noise, quantised


@pytest.mark.parametrize("activations", [QuantType.QInt8, QuantType.QUInt8], ids=["int8", "uint8"])
@pytest.mark.parametrize("per_channel", [True, False], ids=["per-channel", "per-tensor"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_models_that_onnx_runtime_quantised(
    activations: QuantType, per_channel: bool, compiler: str, tmp_path: Path
) -> None:
    model = quantised(tmp_path, activations, per_channel=per_channel)
    library = unpack(tmp_path, model, *INSIDE)
    assert library.metadata["modules"]["net"]["ocrm55"]["precision"] == "int8"
    (main,) = library.metadata["modules"]["net"]["memory"]["functions"]["main"]
    assert main["inputs"] == {"x": {"dtype": "float32", "shape": list(SHAPE), "size": 4 * 3 * 9 * 14}}
    program = library.build(library.main(), compiler)
    random = np.random.default_rng(6)
    for span in (1.0, 3.0):  # as calibrated, and beyond it
        image = random.uniform(-span, span, SHAPE).astype(np.float32)
        # The output is quantised to steps of 1/255 or so; a rounding that falls otherwise is one step.
        np.testing.assert_allclose(library.run(program, image), reference(model, image), atol=0.0083)


def test_not_a_number_is_no_undefined_behaviour(tmp_path: Path) -> None:
    library = unpack(tmp_path, quantised(tmp_path, QuantType.QInt8, per_channel=True), *INSIDE)
    program = library.build(library.main(), "gcc", SANITIZE)
    image = np.full(SHAPE, np.nan, np.float32)
    image[0, 0, 0, :2] = np.inf, -np.inf
    assert np.isfinite(library.run(program, image)).all()


def test_kernels_have_the_module_s_name(tmp_path: Path) -> None:
    """Each archive brings its own copy of the kernels, so the linker must not see two of one name."""
    library = unpack(tmp_path, quantised(tmp_path, QuantType.QInt8, per_channel=True), *INSIDE)
    names = symbols(library.folder)
    assert [name for name in names if "pointwise" in name or "conv" in name]
    assert all(name.startswith("tvmgen_net_") for name in names), names


def test_int8_beside_float32_in_one_program(tmp_path: Path) -> None:
    unpack(tmp_path, quantised(tmp_path, QuantType.QInt8, per_channel=True), *INSIDE, name="int8")
    library = unpack(tmp_path, small_network(), *INSIDE)
    main = library.main().replace("#include <tvmgen_net.h>", "#include <tvmgen_net.h>\n#include <tvmgen_int8.h>")
    both = main.replace(
        "if (status != 0)",
        "struct tvmgen_int8_inputs more = {.x = in + 1}; static uint8_t other[TVMGEN_INT8_OUTPUT_SIZE];"
        "struct tvmgen_int8_outputs result = {.output = other};"
        "if (status != 0 || tvmgen_int8_run(&more, &result) != 0)",
    )
    image = np.random.default_rng(1).uniform(-1, 1, SHAPE).astype(np.float32)
    np.testing.assert_allclose(
        library.run(library.build(both, "gcc"), image), reference(library.model, image), atol=1e-6
    )


def test_arm_compiler_takes_the_vectors(tmp_path: Path) -> None:
    import shutil

    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc not installed")
    library = unpack(tmp_path, quantised(tmp_path, QuantType.QInt8, per_channel=True), *INSIDE)
    words = (
        "arm-none-eabi-gcc -mcpu=cortex-m55 -mthumb -mfloat-abi=hard -std=gnu99 -O2 -Wall -Wextra -Werror -c".split()
    )
    include = ["-I", library.folder / "codegen/host/include", "-I", library.folder / "runtime/include"]
    done = subprocess.run(
        [*words, *include, *library.sources], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_has_no_integer_operator(tmp_path: Path) -> None:
    """Only arguments of this command line are suggested."""
    onnx.save(small_network(), str(tmp_path / "float.onnx"))
    quantize_static(tmp_path / "float.onnx", tmp_path / "int8.onnx", Noise(), quant_format=QuantFormat.QDQ)
    with pytest.raises(UnsupportedError, match="mean of layer mean") as refused:
        unpack(tmp_path, onnx.load(str(tmp_path / "int8.onnx")))
    assert refused.value.tries[0] == "compile the model as it was before it was quantised"


def test_an_archive_that_calls_cmsis_nn_names_it(tmp_path: Path) -> None:
    model = quantised(tmp_path, QuantType.QInt8, per_channel=True)
    library = unpack(tmp_path, model, *INSIDE, "--target=cmsis-nn,c", "--kernels=cmsis-nn")
    module = library.metadata["modules"]["net"]
    assert {"short_name", "url", "url_type", "version_spec"} == set(module["external_dependencies"][1])
    assert module["external_dependencies"][1]["short_name"] == "cmsis_nn"
    assert "cmsis-nn" in {operator["target"] for operator in module["ocrm55"]["operators"]}
    text = "".join(path.read_text() for path in library.sources)
    assert "arm_convolve_wrapper_s8(" in text
    assert "arm_nnfunctions.h" in text
    makefile = (library.folder / "codegen/host/cmsis_nn.mk").read_text()
    done = subprocess.run(
        ["make", "-f", "-", "all"], input=f"{makefile}\nall:\n", capture_output=True, text=True, check=False
    )
    assert "set CMSIS_NN_ROOT to a source tree" in done.stderr


def test_our_own_kernels_need_no_library(tmp_path: Path) -> None:
    library = unpack(tmp_path, quantised(tmp_path, QuantType.QInt8, per_channel=True), *INSIDE, "--target=cmsis-nn,c")
    module = library.metadata["modules"]["net"]
    assert [each["short_name"] for each in module["external_dependencies"]] == ["tvm_standalone_crt"]
    assert not (library.folder / "codegen/host/cmsis_nn.mk").exists()
