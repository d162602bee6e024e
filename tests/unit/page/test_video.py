"""Videos: their frames come in order, a file that is none is a sentence, and one that is written can be read again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ocrm55.errors import InputError
from ocrm55.page import video
from ocrm55.page.reading import Line, Page


def film(path: Path, count: int = 20, size: tuple[int, int] = (160, 96)) -> Path:
    """A video whose frame n is grey 10 n, 10 frames a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, size)  # type: ignore[attr-defined]
    for number in range(count):
        writer.write(np.full((size[1], size[0], 3), 10 * number, np.uint8))
    writer.release()
    return path


def parts_of(path: Path, every: int = 1) -> list[list[video.VideoFrame]]:
    """All parts of a video."""
    with video.opened(path) as found:
        return list(found.parts(every))


def page(text: str = "12345") -> Page:
    corners = ((20.0, 40.0), (90.0, 40.0), (90.0, 60.0), (20.0, 60.0))
    return Page(Path("frame"), 160, 96, [Line(corners, text, 0.9, 0.9, 0, 0)])


@pytest.mark.parametrize(("every", "numbers"), [(1, list(range(20))), (7, [0, 7, 14])])
def test_frames_come_in_order(every: int, numbers: list[int], tmp_path: Path) -> None:
    parts = parts_of(film(tmp_path / "a.avi"), every)
    found = [frame for part in parts for frame in part]
    assert all(len(part) <= video.AT_ONCE for part in parts)
    assert [frame.number for frame in found] == numbers
    assert [frame.seconds for frame in found] == pytest.approx([number / 10 for number in numbers])
    for frame in found:
        assert abs(float(frame.pixels.mean()) - 10 * frame.number) < 3


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no video", bytes(10_000)])
def test_a_file_that_is_no_video_is_a_sentence(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.avi").write_bytes(content)
    with pytest.raises(InputError, match="no video"):
        parts_of(tmp_path / "a.avi")
    assert capfd.readouterr().err == ""  # neither FFmpeg nor OpenCV says a word


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_a_picture_is_no_video(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "a.mp4", kind)
    with pytest.raises(InputError, match="is a picture") as raised:
        parts_of(tmp_path / "a.mp4")
    assert raised.value.tries == [f"ocrm55 read {tmp_path / 'a.mp4'}"]
    assert capfd.readouterr().err == ""


def test_a_video_without_frames_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without frames"):
        parts_of(film(tmp_path / "a.avi", 0))


def test_frames_of_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_PIXELS", 160 * 96 - 1)
    with pytest.raises(InputError, match="no video that can be read"):
        parts_of(film(tmp_path / "a.avi"))


def test_large_frames_are_read_fewer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "_BYTES_AT_ONCE", 2 * 160 * 96 * 3)
    assert {len(part) for part in parts_of(film(tmp_path / "a.avi"))} == {3, 2}


def test_a_video_that_is_cut_off_gives_the_frames_that_are_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = film(tmp_path / "a.avi")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = sum(len(part) for part in parts_of(path))
    assert 0 < found < 20
    words = " ".join(capfd.readouterr().err.split())
    assert f"announces 20 frames; {found} of them can be read." in words


def test_a_damaged_video_is_read_without_narration(tmp_path: Path) -> None:
    """In a process of its own: FFmpeg asks once whether it may talk, and this test's own film is its first use here."""
    paths = []
    for seed in range(3):
        path = film(tmp_path / f"{seed}.avi")
        data = np.frombuffer(path.read_bytes(), np.uint8).copy()
        chosen = np.random.default_rng(seed)
        data[chosen.integers(8000, len(data) - 1000, 60)] = chosen.integers(0, 256, 60)
        path.write_bytes(data.tobytes())
        paths.append(str(path))
    script = """
import sys
from pathlib import Path
from ocrm55.page import video
for path in sys.argv[1:]:
    with video.opened(Path(path)) as found:
        print(sum(len(part) for part in found.parts()))
"""
    done = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True, check=True)
    assert [0 < int(count) <= 20 for count in done.stdout.split()] == [True] * 3
    assert "mjpeg" not in done.stderr


def test_an_address_is_no_file() -> None:
    with pytest.raises(InputError, match="there is no video"):
        video.Video(Path("http://localhost/a.mp4"))


def test_a_video_that_is_not_there_is_not_handed_to_the_library(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="there is no video"):
        video.Video(Path("none.avi"))
    assert capfd.readouterr().err == ""  # where OpenCV warns


@pytest.mark.parametrize("name", ["read.avi", "read.mp4"])
def test_what_was_read_is_drawn_into_a_video(name: str, tmp_path: Path) -> None:
    frames = [np.full((97, 161, 3), 200, np.uint8)] * 4
    with video.annotated(tmp_path / name, 5) as add:
        for each in frames:
            add(each, page())
    with video.opened(tmp_path / name) as found:
        (part,) = found.parts()
        assert found.rate == pytest.approx(5)
    assert len(part) == 4
    assert part[0].pixels.shape == (96, 160, 3)
    assert (part[0].pixels[36:64, 16:94].std()) > 10  # a box is there
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("shape", [(1, 1), (1, 160), (97, 1)])
def test_a_frame_of_one_pixel_is_drawn_too(shape: tuple[int, int], tmp_path: Path) -> None:
    with video.annotated(tmp_path / "read.mp4", 5) as add:
        add(np.full((*shape, 3), 200, np.uint8), page())
    (part,) = parts_of(tmp_path / "read.mp4")
    assert part[0].pixels.shape == (*(max(side // 2 * 2, 2) for side in shape), 3)


def test_no_frame_is_lost_where_a_stream_changes_its_size(tmp_path: Path) -> None:
    with video.annotated(tmp_path / "read.avi", 5) as add:
        for height in (96, 96, 200, 96, 40):
            add(np.full((height, 160, 3), 200, np.uint8), page())
    (part,) = parts_of(tmp_path / "read.avi")
    assert [frame.pixels.shape for frame in part] == [(96, 160, 3)] * 5


def test_a_failure_leaves_no_video(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), video.annotated(tmp_path / "read.mp4", 5) as add:
        add(np.zeros((96, 160, 3), np.uint8), page())
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MP4 or AVI"):
        video.check_destination(tmp_path / "read.png")


def test_values_have_frame_and_time() -> None:
    (value,) = video.values(video.VideoFrame(7, 0.7, np.zeros((1, 1, 3), np.uint8)), page())
    assert (value["frame"], value["seconds"], value["text"]) == (7, 0.7, "12345")


@pytest.mark.parametrize(
    "lines",
    [
        ["ffconcat version 1.0", "file real.avi"],
        ["#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:10,", "{folder}/real.avi", "#EXT-X-ENDLIST"],
        ["#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:10,", "{folder}/real.avi"],  # waits for more
        ["ten lines of text"] * 10,
    ],
)
def test_a_list_of_other_files_is_no_video(lines: list[str], tmp_path: Path) -> None:
    """FFmpeg would read what the list names, and wait for it."""
    film(tmp_path / "real.avi")
    for name in ("a.avi", "a.m3u8", "a.txt"):
        (tmp_path / name).write_text("\n".join(lines).format(folder=tmp_path) + "\n")
        with pytest.raises(InputError, match="no video"):
            parts_of(tmp_path / name)


def test_the_user_s_options_of_ffmpeg_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "format_whitelist;hls")
    assert len(parts_of(film(tmp_path / "a.avi"))) > 0
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "format_whitelist;hls"
