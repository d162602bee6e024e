"""The archive: what is in it, and that its C computes what ONNX Runtime computes."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import tvm
from onnx import numpy_helper

from ocrm55.errors import UnsupportedError
from tests.unit.tvmc.mlf import SANITIZE, WARNINGS, Unpacked, reference, small_network, symbols, unpack

SHAPE = (1, 3, 9, 14)
IMAGE = np.random.default_rng(1).uniform(-1, 1, SHAPE).astype(np.float32)
INSIDE = ("--pass-config", "tir.usmp.enable=1")


def test_layout(unpacked: Unpacked) -> None:
    found = {path.relative_to(unpacked.folder).as_posix() for path in unpacked.folder.rglob("*") if path.is_file()}
    assert {
        "metadata.json",
        "codegen/host/include/tvmgen_net.h",
        "codegen/host/src/net_lib0.c",
        "codegen/host/src/net_lib1.c",
        "parameters/net.params",
        "src/net.onnx",
        "runtime/include/tvm/runtime/c_runtime_api.h",
        "runtime/include/tvm/runtime/c_backend_api.h",
        "runtime/include/tvm/runtime/crt/stack_allocator.h",
        "runtime/include/tvm/runtime/crt/platform.h",
        "runtime/src/runtime/crt/common/crt_backend_api.c",
        "runtime/src/runtime/crt/memory/stack_allocator.c",
    } <= found


def test_entries_start_with_a_dot_as_tvm_wrote_them(unpacked: Unpacked) -> None:
    with tarfile.open(unpacked.folder / "net.tar") as archive:
        members = archive.getmembers()
    assert all(member.name.startswith("./") and member.isfile() for member in members)
    assert {(member.uid, member.gid) for member in members} == {(0, 0)}


def test_metadata(unpacked: Unpacked) -> None:
    metadata = unpacked.metadata
    module = metadata["modules"]["net"]
    assert (metadata["version"], module["model_name"], module["executors"]) == (7, "net", ["aot"])
    assert (module["style"], module["target"]) == ("full-model", ["c"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", module["export_datetime"])
    functions = module["memory"]["functions"]
    (main,) = functions["main"]
    assert (main["inputs"]["x"]["size"], main["inputs"]["x"]["dtype"]) == (4 * 3 * 9 * 14, "float32")
    assert main["outputs"]["output"] == {"dtype": "float32", "size": 4 * 7 * 5, "shape": [1, 7, 5]}
    assert main["io_size_bytes"] == 4 * (3 * 9 * 14 + 7 * 5)
    assert main["device"] == 1
    header = (unpacked.folder / "codegen/host/include/tvmgen_net.h").read_text()
    assert f"#define TVMGEN_NET_WORKSPACE_SIZE {main['workspace_size_bytes']}\n" in header
    assert "#define TVMGEN_NET_X_SIZE 1512\n" in header
    assert "#define TVMGEN_NET_OUTPUT_SIZE 140\n" in header
    text = "".join(path.read_text() for path in unpacked.sources)
    for function in functions["operator_functions"]:
        assert f"void {function['function_name']}(" in text
        assert [entry["device"] for entry in function["workspace"]] == [1]


def test_parameters_are_in_tvm_s_format(unpacked: Unpacked) -> None:
    read = tvm.runtime.load_param_dict((unpacked.folder / "parameters/net.params").read_bytes())
    values = {each.name: numpy_helper.to_array(each) for each in unpacked.model.graph.initializer}
    assert sorted(read) == sorted(values)
    for name, value in values.items():
        np.testing.assert_array_equal(read[name].numpy(), value)


def test_source_is_the_model(unpacked: Unpacked) -> None:
    model = onnx.load(str(unpacked.folder / "src/net.onnx"))
    np.testing.assert_array_equal(reference(model, IMAGE), reference(unpacked.model, IMAGE))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("standard", ["gnu99", "c11"])
def test_c_computes_what_onnx_runtime_computes(unpacked: Unpacked, compiler: str, standard: str) -> None:
    program = unpacked.build(unpacked.main(), compiler, standard=standard)
    np.testing.assert_allclose(unpacked.run(program, IMAGE), reference(unpacked.model, IMAGE), atol=1e-6)


def test_image_that_the_network_scales_itself(tmp_path: Path) -> None:
    """As Paddle exports it: sizes are given, and scales too, as a tensor of no elements."""
    model = small_network()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 6
    model.graph.node[0].input[0] = "scaled"
    names = ["x", "nothing", "nothing", "sizes"]
    scale = onnx.helper.make_node(
        "Resize", names, ["scaled"], name="scale", mode="linear", coordinate_transformation_mode="half_pixel"
    )
    model.graph.node.insert(0, scale)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(0, np.float32), "nothing"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(SHAPE), "sizes"))
    library = unpack(tmp_path, model, *INSIDE)
    image = np.ascontiguousarray(IMAGE[:, :, :6])
    program = library.build(library.main(), "gcc")
    np.testing.assert_allclose(library.run(program, image), reference(model, image), atol=1e-6)


@pytest.mark.parametrize("kind", ["inside", "asked", "pool"])
def test_every_workspace_under_sanitizers(kind: str, tmp_path: Path) -> None:
    arguments = {"inside": INSIDE, "asked": (), "pool": ("--workspace-pools=sram",)}[kind]
    library = unpack(tmp_path, small_network(), *arguments)
    program = library.build(library.main(kind), "gcc", SANITIZE)
    np.testing.assert_allclose(library.run(program, IMAGE), reference(library.model, IMAGE), atol=1e-6)
    if kind == "asked":
        check = library.build(library.main(kind), "gcc", ["-DTVM_CRT_STACK_ALLOCATOR_ENABLE_LIFO_CHECK"])
        np.testing.assert_allclose(library.run(check, IMAGE), reference(library.model, IMAGE), atol=1e-6)
        short = library.build(library.main(kind, short_of=64), "gcc")
        done = subprocess.run([short], input=IMAGE.tobytes(), capture_output=True, timeout=60, check=False)
        assert done.returncode == 3  # tvmgen_net_run says that there was no memory


def test_pool_is_named_in_the_header(tmp_path: Path) -> None:
    library = unpack(
        tmp_path, small_network(), "--workspace-pools=sram", "--workspace-pools-size-hint-bytes=sram:99999"
    )
    header = (library.folder / "codegen/host/include/tvmgen_net.h").read_text()
    size = library.metadata["modules"]["net"]["memory"]["functions"]["main"][0]["workspace_size_bytes"]
    assert "struct tvmgen_net_workspace_pools {\n    void *sram;\n};" in header
    assert f"#define TVMGEN_NET_SRAM_WORKSPACE_POOL_SIZE {size}\n" in header


def test_pool_that_is_too_small(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="the pool sram has 100"):
        unpack(tmp_path, small_network(), "--workspace-pools=sram", "--workspace-pools-size-hint-bytes=sram:100")
    assert not (tmp_path / "net.tar").exists()


def test_two_models_in_one_program(tmp_path: Path) -> None:
    """Nothing that the linker sees is called alike, and the archives unpack into one folder."""
    other = small_network(seed=3)
    unpack(tmp_path, other, *INSIDE, name="Second")
    library = unpack(tmp_path, small_network(), *INSIDE)
    main = library.main().replace("#include <tvmgen_net.h>", "#include <tvmgen_net.h>\n#include <tvmgen_second.h>")
    both = main.replace(
        "if (status != 0)",
        "struct tvmgen_second_inputs more = {.x = in + 1}; struct tvmgen_second_outputs result = {.output = out + 1};"
        "if (status != 0 || (SECOND && tvmgen_second_run(&more, &result) != 0))",
    )
    first = library.run(library.build(both, "gcc", ["-DSECOND=0"]), IMAGE)
    np.testing.assert_allclose(first, reference(library.model, IMAGE), atol=1e-6)
    second = library.run(library.build(both, "gcc", ["-DSECOND=1"]), IMAGE)
    np.testing.assert_allclose(second, reference(other, IMAGE), atol=1e-6)


def test_every_symbol_has_the_module_s_name(unpacked: Unpacked) -> None:
    names = symbols(unpacked.folder)
    assert names
    assert all(name.startswith("tvmgen_net_") for name in names), names


@pytest.mark.parametrize("header", ["codegen/host/include/tvmgen_net.h", "runtime"])
def test_headers_are_c_plus_plus_as_well(unpacked: Unpacked, header: str, tmp_path: Path) -> None:
    if not shutil.which("g++"):
        pytest.skip("g++ not installed")
    include = unpacked.folder / "runtime/include"
    headers = sorted(include.rglob("*.h")) if header == "runtime" else [unpacked.folder / header]
    program = tmp_path / "all.cpp"
    program.write_text("".join(f'#include "{path}"\n' for path in headers))
    words = ["g++", *WARNINGS, "-fsyntax-only", "-I", str(include), str(program)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_same_archive_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    archives = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        archives.append(unpack(tmp_path / name, small_network(), *INSIDE).folder / "net.tar")
    assert archives[0].read_bytes() == archives[1].read_bytes()


def test_offloads_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unpack(tmp_path, small_network(), "--dump-offloads", "-")
    assert "softmax" in capsys.readouterr().out
    unpack(tmp_path, small_network(), "--dump-offloads", str(tmp_path / "list.txt"))
    assert re.search(r"^\w+ +conv2d +first$", (tmp_path / "list.txt").read_text(), re.M)
