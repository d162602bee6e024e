"""Every argument: used, accepted with a line, or refused with a sentence and what to use instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ocrm55.errors import InputError, Ocrm55Error, UnsupportedError
from ocrm55.tvmc import arguments, program
from ocrm55.tvmc.settings import ArenaSource, Settings, from_arguments

# The compile command of TVM's and PaddleOCR's demos for the Cortex-M55, word by word.
DEMO = """--target=cmsis-nn,c --target-cmsis-nn-mcpu=cortex-m55 --target-c-mcpu=cortex-m55 --runtime=crt --executor=aot
--executor-aot-interface-api=c --executor-aot-unpacked-api=1 --pass-config tir.usmp.enable=1
--pass-config tir.usmp.algorithm=hill_climb --pass-config tir.disable_storage_rewrite=1
--pass-config tir.disable_vectorize=1 ocr_en/inference.pdmodel --output-format=mlf --model-format=paddle
--module-name=rec --input-shapes x:[1,3,32,320] --output=rec.tar""".split()


def read(*words: str, model: str = "net.onnx") -> Settings:
    given = ["--target=c", *words] if not any(word.startswith("--target=") for word in words) else list(words)
    return from_arguments(*arguments.parse([model, *given], "tvmc compile"))


def refusal(*words: str, model: str = "net.onnx") -> Ocrm55Error:
    with pytest.raises(Ocrm55Error) as refused:
        read(*words, model=model)
    assert refused.value.sentence.endswith(".")
    assert "\n" not in refused.value.sentence
    assert refused.value.tries
    return refused.value


def test_demo_s_command_line() -> None:
    settings = from_arguments(*arguments.parse(DEMO, "tvmc compile"))
    assert settings.model == Path("ocr_en/inference.pdmodel")
    assert (settings.model_format, settings.name, settings.output) == ("paddle", "rec", Path("rec.tar"))
    assert settings.targets == ("cmsis-nn", "c")
    assert settings.shapes == {"x": (1, 3, 32, 320)}
    assert settings.workspace == ArenaSource("inside")
    told = "\n".join(settings.remarks)
    for word in ("cmsis-nn", "hill_climb", "disable_storage_rewrite", "disable_vectorize"):
        assert told.count(word) == 1
    assert "assumed" not in told


def test_defaults() -> None:
    settings = read()
    assert (settings.name, settings.output, settings.model_format) == ("default", Path("module.tar"), "onnx")
    assert settings.workspace == ArenaSource("asked")
    assert settings.remarks == (
        "assumed: --runtime=crt --executor=aot --executor-aot-interface-api=c --executor-aot-unpacked-api=1 "
        "--output-format=mlf",
    )


@pytest.mark.parametrize("idle", arguments.IDLE, ids=lambda idle: idle.flags[0])
def test_idle_argument_is_said_once(idle: arguments.Idle) -> None:
    for flag in idle.flags:
        words = [flag] if idle.nargs == 0 else [flag, "1"]
        assert [line for line in read(*words).remarks if idle.reason in line] == [f"{idle.flags[-1]}: {idle.reason}"]


@pytest.mark.parametrize("refused", arguments.REFUSED, ids=lambda refused: refused.flags[0])
def test_refused_argument_has_its_sentence(refused: arguments.Refused) -> None:
    for flag in refused.flags:
        error = refusal(*([flag] if refused.nargs == 0 else [f"{flag}=1"]))
        assert isinstance(error, UnsupportedError)
        assert (error.sentence, error.tries) == (f"{flag}: {refused.sentence}.", [refused.instead])


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("--executor=graph", "--executor=aot"),
        ("--runtime=cpp", "--runtime=crt"),
        ("--executor-aot-interface-api=packed", "--executor-aot-interface-api=c"),
        ("--executor-aot-unpacked-api=0", "--executor-aot-unpacked-api=1"),
        ("--output-format=so", "--output-format=mlf"),
        ("--target=llvm", "--target=c"),
        ("--target=cuda", "--target=c"),
        ("--target=vitis-ai,c", "--target=cmsis-nn,c"),
        ("--target-c-mcpu=cortex-a53", "--target-c-mcpu=cortex-m55"),
        ("--pass-config=tir.usmp.use_workspace_io=1", "leave it out"),
        ("--workspace-pools=sram,dtcm", "name one pool"),
        ("--executor-aot-workspace-byte-alignment=32", "leave it out"),
        ("--executor-aot-constant-byte-alignment=64", "leave it out"),
        ("--model-format=relay", "compile the model that the Relay came from"),
        ("--model-format=pytorch", "export it: torch.onnx.export"),
    ],
)
def test_refused_value_says_what_to_use(word: str, instead: str) -> None:
    error = refusal(word)
    assert isinstance(error, UnsupportedError)
    assert instead in error.tries
    assert word.partition("=")[2].split(",")[0] in error.sentence


@pytest.mark.parametrize("model", ["net.tflite", "net.pb", "net.h5", "net.pt"])
def test_other_models_are_refused(model: str) -> None:
    error = refusal(model=model)
    assert isinstance(error, UnsupportedError)
    assert "onnx" in error.tries[0].lower()


@pytest.mark.parametrize(
    "words",
    [
        ("--executor=fast",),
        ("--target=",),
        ("--target=c,",),
        ("--target=arduino,c",),
        ("--target=cmsis-nn",),
        ("--target=cmsis-nn mcpu=cortex-m55,c",),
        ("--target=ethos-u,c", "--target-ethos-u-accelerator_config=ethos-u55-127"),
        ("--target-c-mcpu",),
        ("--target-c",),
        ("--pass-config", "tir.usmp.enable"),
        ("--pass-config", "tir.usmp.enable=perhaps"),
        ("--input-shapes", "x:1,3,32,320"),
        ("--input-shapes", "x:[1,-1]"),
        ("--input-shapes", "x:[1,a]"),
        ("--input-shapes", "[1,3]"),
        ("--module-name", "my net"),
        ("--module-name", "1st"),
        ("--workspace-pools=a b",),
        ("--workspace-pools=sram", "--workspace-pools-size-hint-bytes=dtcm:8"),
        ("--workspace-pools=sram", "--workspace-pools-size-hint-bytes=sram:much"),
        ("--workspace-pools-size-hint-bytes=sram:8",),
        ("--executor-aot-workspace-byte-alignment=3",),
        ("--model-format=excel",),
        ("--taget=c",),
        ("--output",),
    ],
)
def test_wrong_input_is_one_sentence(words: tuple[str, ...]) -> None:
    assert isinstance(refusal(*words), InputError)


def test_target_is_needed() -> None:
    with pytest.raises(InputError, match="needs --target"):
        from_arguments(*arguments.parse(["net.onnx"], "tvmc compile"))


def test_misspelt_argument_is_suggested() -> None:
    assert refusal("--modul-name=rec").tries[0] == "--module-name"


def test_target_with_its_options_inside() -> None:
    settings = read("--target=ethos-u -accelerator_config=ethos-u55-256, cmsis-nn, c -mcpu=cortex-m55")
    assert settings.targets == ("ethos-u", "cmsis-nn", "c")
    assert settings.accelerator == "ethos-u55-256"
    assert len(settings.remarks) == 2  # cmsis-nn, assumed


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--target-c-mcpu=cortex-m7", "portable half"),
        ("--target-c-mcpu=cortex-m0", "portable half"),
        ("--target-c-mcpu=cortex-m55+nomve", "portable half"),
        ("--target-cmsis-nn-mcpu=cortex-m55", "cmsis-nn is not in --target"),
        ("--target-c-march=armv8.1-m.main", "your C compiler's options"),
    ],
)
def test_options_of_targets(option: str, line: str) -> None:
    assert sum(line in remark for remark in read(option).remarks) == 1


@pytest.mark.parametrize("cpu", ["cortex-m55", "cortex-m85", "cortex-m52"])
def test_processors_with_helium(cpu: str) -> None:
    assert len(read(f"--target-c-mcpu={cpu}").remarks) == 1
    assert len(read("--target-c-mcpu", cpu).remarks) == 1


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("x:[1,3,48,320]", {"x": (1, 3, 48, 320)}),
        ("x : [1, 3] y:[8]", {"x": (1, 3), "y": (8,)}),
        ("input_1:0:[2,2]", {"input_1:0": (2, 2)}),
        ("scope/x:[4],y:[5]", {"scope/x": (4,), "y": (5,)}),
    ],
)
def test_input_shapes(text: str, shapes: dict[str, Any]) -> None:
    assert read("--input-shapes", text).shapes == shapes


def test_workspace() -> None:
    assert read("--pass-config", "tir.usmp.enable=1").workspace == ArenaSource("inside")
    assert read("--pass-config", "tir.usmp.enable=false").workspace == ArenaSource("asked")
    pool = read("--workspace-pools=sram", "--workspace-pools-size-hint-bytes=sram:4096").workspace
    assert pool == ArenaSource("pool", "sram", 4096)


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    program.run(["compile", "--help"])
    text = capsys.readouterr().out
    flags = [flag for flags, _ in arguments.USED for flag in flags]
    flags += [flag for each in [*arguments.IDLE, *arguments.REFUSED] for flag in each.flags]
    flags += [f"--target-{kind}-{option}" for kind, option, _ in arguments.TARGET_OPTIONS]
    assert not [flag for flag in flags if flag not in text]
    for word in (
        "used:",
        "accepted, without effect:",
        "refused, with what to use instead:",
        "example",
        "tvmgen_rec_run",
    ):
        assert word in text


def test_manual_lists_every_argument() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "tvmc.md").read_text(encoding="utf-8")
    flags = [flags[-1] for flags, _ in arguments.USED]
    flags += [each.flags[-1] for each in [*arguments.IDLE, *arguments.REFUSED]]
    flags = [flag for flag in flags if not flag.startswith("--constant-pools-")]
    assert not [flag for flag in flags if f"`{flag}" not in manual]
