"""Evaluation: the same readings from one process, from several, and from a cluster that loses a worker."""

import json
import os
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ocrm55 import console, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError, Ocrm55Error, ToolchainError
from ocrm55.evaluation import assess, evaluate, mistakes, readers, readings, words
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.inference import PaddleRecognizer
from tests.unit.evaluation.stub_reader import StubReader

COUNT = 2 * evaluate.TASK + 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set whose every third label is wrong, which the stub does not know."""
    folder = tmp_path_factory.mktemp("set")
    rows = []
    for number in range(COUNT):
        bright = number % 2
        cv2.imwrite(str(folder / f"{number}.png"), np.full((30, 90, 3), 230 * bright, np.uint8))
        rows.append(f"{number}.png\t{'dim' if number % 3 == 0 else 'bright' if bright else 'dark'}\n")
    (folder / "labels.tsv").write_text("".join(rows))
    return folder


def check(result: evaluate.Evaluation, data: Path) -> None:
    loaded = words.load_words(data)
    assert [reading.name for reading in result.readings] == [word.name for word in loaded]
    assert all(reading.read == ("bright" if int(reading.name[:-4]) % 2 else "dark") for reading in result.readings)
    assert result.scores.exact.right == sum(word.text != "dim" for word in loaded)


def test_one_process_reads_all_and_tells_how_far_it_is(data: Path) -> None:
    advances: list[int] = []
    result = evaluate.evaluate(words.load_words(data), StubReader(), advance=advances.append)
    check(result, data)
    assert advances == [evaluate.TASK, evaluate.TASK, 5]


def test_several_processes_read_the_same(data: Path, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    check(evaluate.evaluate(words.load_words(data), StubReader(diary=diary), workers=2), data)
    assert len(set(diary.read_text().split()) - {str(os.getpid())}) in (1, 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_command_of_every_task_is_told_once(workers: int, data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    evaluate.evaluate(words.load_words(data), StubReader(command="simulator"), workers=workers)
    assert capfd.readouterr().err.count("$ simulator") == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_all_commands_are_told_who_wants_their_output(
    workers: int, data: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_verbose", True)
    evaluate.evaluate(words.load_words(data), StubReader(command="simulator"), workers=workers)
    assert capfd.readouterr().err.count("$ simulator") == 3


def test_a_picture_that_cannot_be_read_is_named_from_a_worker_too(data: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    loaded = [*words.load_words(data), words.Word("bad.png", bad, "x")]
    for workers in (1, 2):
        with pytest.raises(InputError, match=r"bad\.png"):
            evaluate.evaluate(loaded, StubReader(), workers=workers)


def test_the_worst_mistakes_come_first(data: Path) -> None:
    wrong = evaluate.evaluate(words.load_words(data), StubReader()).worst_first()
    rates = [reading.errors / len(reading.written) for reading in wrong]
    assert wrong
    assert rates == sorted(rates, reverse=True)


def test_json_and_picture_are_written(data: Path, tmp_path: Path) -> None:
    loaded = words.load_words(data)
    result = evaluate.evaluate(loaded, StubReader())
    assess.write(tmp_path / "out", loaded, result, on="host")
    values = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert values["on"] == "host"
    assert values["exact"]["count"] == len(values["readings"]) == COUNT
    assert values["confusions"][0]["count"] >= values["confusions"][-1]["count"]
    with Image.open(tmp_path / "out" / "mistakes.png") as sheet:
        assert sheet.height == mistakes.ROW * (1 + len(result.worst_first()))
    titles = [title for title, _, _ in assess.tables(result)]
    assert "exact match by length" in titles


def test_a_selection_takes_what_a_list_names(data: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("3.png\tdim\n5.png\n")
    assert [word.name for word in assess.select(data, only=tmp_path / "list.txt")] == ["3.png", "5.png"]
    assert len(assess.select(data, limit=4)) == 4


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(InputError, match="moon"):
        readers.ReaderSpec("moon", {}).open()


def test_nobody_at_the_clusters_address_is_one_sentence(data: Path) -> None:
    pytest.importorskip("distributed")
    from ocrm55.evaluation.cluster import read_on_cluster

    with pytest.raises(ToolchainError, match="No Dask scheduler"):
        next(
            read_on_cluster(
                [words.load_words(data)], StubReader(), readings.read_task, "tcp://127.0.0.1:1", timeout_s=0.5
            )
        )


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_loses_nothing(data: Path) -> None:
    distributed = pytest.importorskip("distributed")
    loaded = words.load_words(data) * 4
    with distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        victim = next(iter(cluster.workers.values()))
        killed: list[int] = []

        def kill_one(count: int) -> None:
            if not killed:  # after the first task: others are under way
                killed.append(victim.pid)
                os.kill(victim.pid, signal.SIGKILL)

        began = time.monotonic()
        spec = StubReader(slow_s=0.01)
        result = evaluate.evaluate(loaded, spec, cluster=cluster.scheduler_address, advance=kill_one)
        assert killed
        assert [reading.name for reading in result.readings] == [word.name for word in loaded]
        assert time.monotonic() - began < 240  # it waits for nothing; no measure of speed


@pytest.mark.slow
def test_the_bundled_model_reads_on_the_host(tmp_path: Path) -> None:
    from ocrm55 import resources

    model = resources.folder("models") / "en_ppocrv3_rec"
    if not (model / "inference.json").is_file():
        pytest.skip("no bundled model")
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((48, 200, 3), 255, np.uint8))
    result = evaluate.evaluate([words.Word("blank.png", blank, "")], readers.host_spec(model))
    assert result.readings[0].read == ""
    assert result.readings[0].score == 0


def test_the_decoder_that_is_asked_for_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is torn between / and 1 in front of 7%."""
    charset = load_charset()
    table = np.zeros((5, len(charset)), np.float32)
    for step, char in ((1, "7"), (2, ""), (3, "%"), (4, "")):
        table[step, charset.index(char)] = 1
    table[0, [charset.index("/"), charset.index("1")]] = 0.52, 0.48
    monkeypatch.setattr(PaddleRecognizer, "probabilities", lambda *_: table)
    white = np.full((48, 100, 3), 255, np.uint8)
    for decoder, text in (("context", "17%"), ("greedy", "/7%")):
        spec = assess.reader_spec("host", stages.Options(build_dir=tmp_path, compile=CompileOptions(decoder=decoder)))
        reader = spec.open()
        assert [reading.text for reading in reader.recognise([white])] == [text]
        reader.close()


def test_every_failure_is_one_of_ours(tmp_path: Path) -> None:
    for broken in (tmp_path / "nothing", tmp_path):
        with pytest.raises(Ocrm55Error):
            assess.select(broken)
