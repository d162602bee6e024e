"""Fetch PaddleOCR's official models from its model hosts.

PaddleOCR 3 fetches its models from Hugging Face, AI Studio, ModelScope or Baidu's object store, into
`~/.paddlex/official_models` (PADDLE_PDX_CACHE_HOME moves it, PADDLE_PDX_MODEL_SOURCE chooses the first host). This
module uses the same hosts and the same folder. From Hugging Face, the first of them, it fetches files itself: a
download that stops goes on in the next run, and files are compared with the stated checksums. The other hosts are
asked through PaddleOCR's code.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ocrm55 import console, files
from ocrm55.download import download
from ocrm55.errors import InputError, OutputError, ToolchainError, first_line
from ocrm55.export.paddle_folder import PARAMETERS, PROGRAM, SETTINGS, STEM, PaddleFolder

CHECKSUMS = "ocrm55-sha256.json"


def fetch_official(name: str, read: Callable[[Path], PaddleFolder] = PaddleFolder) -> Path:
    """The folder of an official model, such as `en_PP-OCRv3_mobile_rec`, fetched if it is missing.

    read: reads the folder, and raises InputError for one that is damaged or of another task.
    Raises ToolchainError when no host can be reached or a download fails, InputError when a fetched model is damaged.
    """
    hosts = _hosts(name)
    folder = _cache() / name
    if folder.is_dir():
        _verify(folder, read)
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise OutputError(
            f"{folder.parent} cannot be written: {trouble.strerror}.", ["choose another with PADDLE_PDX_CACHE_HOME"]
        ) from trouble
    failures = []
    for host in hosts:
        if not _reachable(host):
            continue
        try:
            return _fetch(host, folder, read)
        except (InputError, OutputError):
            raise
        except Exception as trouble:  # each host's library has errors of its own
            failures.append(f"{host.alias}: {first_line(trouble)}")
            console.note(f"{host.alias} failed: {first_line(trouble)}")
    if failures:
        raise ToolchainError(
            f"the official model could not be fetched ({failures[0]}).",
            ["run the same command again; it goes on where it stopped", *_without_network(name)],
        )
    names = ", ".join(host.alias for host in hosts)
    raise ToolchainError(
        f"the official model cannot be fetched: none of its hosts ({names}) can be reached from here.",
        _without_network(name),
    )


def _without_network(name: str) -> list[str]:
    return [
        "use the model that came with ocrm55: --source bundled",
        f"fetch the folder {name} on another machine and name it: --source DIR",
        "choose the first host with PADDLE_PDX_MODEL_SOURCE=huggingface|modelscope|aistudio|bos",
    ]


def paddlex(module: str) -> Any:
    """A module of PaddleX. Raises OutputError where it cannot make its folder in HOME, as it does first of all."""
    try:
        return importlib.import_module(f"paddlex.{module}")
    except OSError as trouble:
        raise OutputError(
            f"{trouble.filename or 'the folder of fetched models'} cannot be written: {trouble.strerror}.",
            ["choose another folder with PADDLE_PDX_CACHE_HOME"],
        ) from trouble


def _hosts(model: str) -> list[Any]:
    """PaddleOCR's model hosts, the preferred one first. The one place that knows how PaddleX 3.7 calls them."""
    hub = paddlex("inference.utils.official_models")
    for name in ("paddlex", "modelscope", "modelscope_hub", "aistudio_sdk", "httpx", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    hosts = [host for host in hub._ModelManager.hoster_candidates if model in host.model_list]
    return sorted(hosts, key=lambda host: host.alias != hub.MODEL_SOURCE)


def _cache() -> Path:
    hub = paddlex("inference.utils.official_models")
    return Path(hub._ModelManager._save_dir)


def _reachable(host: Any) -> bool:
    unchecked = os.environ.get("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "").lower() in ("1", "true")
    return unchecked or host.is_available()


def _fetch(host: Any, folder: Path, read: Callable[[Path], PaddleFolder]) -> Path:
    """Download into a folder beside `folder`, which stays if the download stops. Rename it when it is complete."""
    partial = folder.with_name(f"{folder.name}.partial-{host.alias}")
    arrived = partial / folder.name
    console.stage("fetch", f"{folder.name} from {host.alias} -> {folder}")
    try:
        if host.alias == "huggingface":
            _from_hugging_face(arrived)
        else:
            if host.alias != "bos":  # the libraries of the others go on in a folder that exists; bos unpacks an archive
                arrived.mkdir(parents=True, exist_ok=True)
            host(partial)._download(folder.name, arrived)
        read(arrived)
    except InputError:
        shutil.rmtree(partial, ignore_errors=True)  # going on would not repair what is wrong now
        raise
    files.write_json(arrived / CHECKSUMS, {"host": host.alias, "sha256": _checksums(arrived)})
    arrived.rename(folder)
    for leftover in folder.parent.glob(f"{folder.name}.partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for name, value in _checksums(folder).items():
        console.note(f"sha256 {value}  {name}")
    return folder


def _from_hugging_face(folder: Path) -> None:
    """Fetch the model's files and compare each with its stated hash: SHA-256, or git's SHA-1 for small files."""
    import huggingface_hub

    hub = paddlex("inference.utils.official_models")
    repository = f"PaddlePaddle/{folder.name}"
    folder.mkdir(parents=True, exist_ok=True)
    for entry in huggingface_hub.HfApi(endpoint=hub.HUGGING_FACE_ENDPOINT).list_repo_tree(repository):
        if not isinstance(entry, huggingface_hub.RepoFile) or Path(entry.path).stem != STEM:
            continue
        url = huggingface_hub.hf_hub_url(repository, entry.path, endpoint=hub.HUGGING_FACE_ENDPOINT)
        file = folder / Path(entry.path).name
        download(url, file, entry.size)
        content = file.read_bytes()
        if entry.lfs is not None:
            same = entry.lfs.sha256 == hashlib.sha256(content).hexdigest()
        else:
            same = entry.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        if not same:
            raise InputError(
                f"{entry.path} arrived damaged from huggingface: its checksum is not the one stated there.",
                ["run the same command again", "choose another host with PADDLE_PDX_MODEL_SOURCE"],
            )


def _checksums(folder: Path) -> dict[str, str]:
    names = (PROGRAM, PARAMETERS, SETTINGS)
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if (folder / name).is_file()
    }


def _verify(folder: Path, read: Callable[[Path], PaddleFolder]) -> None:
    """Compare a fetched folder with the checksums that were noted then; folders that PaddleOCR fetched have none."""
    read(folder)
    record = folder / CHECKSUMS
    if not record.is_file():
        return
    with suppress(ValueError, KeyError, TypeError, RecursionError, OSError):
        if json.loads(record.read_text())["sha256"] == _checksums(folder):
            return
    raise InputError(
        f"the fetched model in {folder} has changed since it was fetched.",
        [f"remove it and fetch it again: rm -r {folder}"],
    )
