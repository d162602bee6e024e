"""Fetch a file over HTTP, with a progress bar. A second run goes on where the first one stopped."""

from __future__ import annotations

import urllib.request
from http import HTTPStatus
from pathlib import Path

from ocrm55 import console

PATIENCE_S = 30  # without a byte from the host


def download(url: str, file: Path, size: int | None = None) -> None:
    """Fetch `url` into `file`; keep the part that is already there.

    size: bytes of the whole file, if known beforehand.
    Raises OSError (urllib's errors are such) when the host does not answer or breaks off. The part that has arrived
    stays, and the next call goes on there.
    """
    have = file.stat().st_size if file.is_file() else 0
    if size is not None and have >= size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            have = 0  # this server does not go on; it sends the whole file
        length = answer.headers.get("Content-Length")
        total = size if size is not None else have + int(length) if length else None
        with console.progress(file.name, total) as bar, file.open("ab" if have else "wb") as sink:
            while chunk := answer.read(1 << 16):
                sink.write(chunk)
                have += len(chunk)
                bar.update(bar.task_ids[0], completed=have)
    if total is not None and have != total:
        raise ConnectionError(f"{file.name} broke off after {have} of {total} bytes")
