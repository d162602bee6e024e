"""Writes requirements*.txt beside this file: the exact packages of the image and of CI, each with its hashes.

    python docker/lock.py            # needs uv; asks the index for the newest versions that pyproject.toml admits
    python docker/lock.py --check    # whether the files fit pyproject.toml; asks nobody

The files name no index: whoever installs chooses one, and the hashes hold for all of them. They are those of the
wheels for CPython 3.11 on x86-64 Linux with glibc, for which alone Paddle has wheels.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

HERE = Path(__file__).resolve().parent
PROJECT: dict[str, Any] = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]["extras"]
ENVIRONMENT = {
    "python_version": "3.11", "python_full_version": "3.11.9", "implementation_name": "cpython", "extra": "",
    "platform_python_implementation": "CPython", "platform_machine": "x86_64", "platform_system": "Linux",
    "sys_platform": "linux", "os_name": "posix",
}  # fmt: skip
_HEAD = """\
# {what}. Written by `python docker/lock.py` from pyproject.toml; do not edit.
# pip install --require-hashes --requirement {name}
"""


def flat(requirements: list[str]) -> Iterator[str]:
    """The requirements of an extra, those of the extras that it names among them."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate(ENVIRONMENT):
            continue
        if canonicalize_name(requirement.name) == PROJECT["project"]["name"]:
            for extra in sorted(requirement.extras):
                yield from flat(EXTRAS[extra])
        else:
            yield text


def wanted() -> dict[str, tuple[str, list[str]]]:
    """File -> what it is for, and what it must satisfy."""
    build = list(PROJECT["build-system"]["requires"])
    image = [*PROJECT["project"]["dependencies"], *flat(EXTRAS["npu"])]
    tests = [*image, *build, "editables>=0.5", *flat(EXTRAS["dev"])]
    return {
        "requirements.txt": ("The packages of the image", image),
        "requirements-build.txt": ("What builds the wheel", [*build, "editables>=0.5"]),
        "requirements-dev.txt": ("The packages of CI", sorted(set(tests))),
        "requirements-release.txt": ("What writes the bill of materials of a release", ["cyclonedx-bom>=7,<8"]),
    }


def locked(text: str) -> dict[str, tuple[str, list[str]]]:
    """Package -> version and hashes, of a file as it is written here."""
    found: dict[str, tuple[str, list[str]]] = {}
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for block in re.split(r"\n(?=\S)", "\n".join(lines)):
        name, version = re.match(r"([A-Za-z0-9._-]+)==(\S+)", block).groups()  # type: ignore[union-attr]
        found[canonicalize_name(name)] = (version, re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
    return found


def _fits(wheel: str) -> bool:
    """Whether a wheel is for CPython 3.11 on x86-64 Linux with glibc."""
    _, _, _, tags = parse_wheel_filename(wheel)
    return any(
        (tag.platform == "any" or (tag.platform.endswith("x86_64") and "linux" in tag.platform))
        and not tag.platform.startswith("musllinux")
        and (tag.interpreter in ("cp311", "py3", "py311") or (tag.abi == "abi3" and _older(tag.interpreter)))
        for tag in tags
    )


def _older(interpreter: str) -> bool:
    return bool(found := re.fullmatch(r"cp3(\d+)", interpreter)) and int(found[1]) <= 11


def _resolve(requirements: list[str], constraints: str) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        asked, answered, limits = (Path(folder) / name for name in ("in.txt", "pylock.toml", "constraints.txt"))
        asked.write_text("\n".join(requirements) + "\n")
        limits.write_text(constraints)
        words = ["uv", "pip", "compile", asked, "--format", "pylock.toml", "--output-file", answered, "--quiet"]
        words += ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:"]
        subprocess.run([*map(str, words), "--constraint", str(limits)], check=True)
        return tomllib.loads(answered.read_text())


def _file(name: str, what: str, lock: Mapping[str, Any]) -> str:
    text = _HEAD.format(what=what, name=f"docker/{name}")
    for package in sorted(lock["packages"], key=lambda each: each["name"]):
        hashes = {wheel["hashes"]["sha256"] for wheel in package["wheels"] if _fits(_name(wheel))}
        if not hashes:
            raise SystemExit(f"{package['name']} {package['version']} has no wheel for CPython 3.11 on x86-64 Linux")
        words = [f"{package['name']}=={package['version']}", *(f"--hash=sha256:{sha}" for sha in sorted(hashes))]
        text += " \\\n    ".join(words) + "\n"
    return text


def _name(wheel: Mapping[str, Any]) -> str:
    return str(wheel.get("name") or wheel["url"].rsplit("/", 1)[-1])


def misfits() -> list[str]:
    """What is wrong with the files, a sentence each."""
    found = []
    for name, (_, requirements) in wanted().items():
        packages = locked((HERE / name).read_text(encoding="utf-8"))
        found += [f"{name}: {package} has no hash" for package, (_, hashes) in packages.items() if not hashes]
        for requirement in map(Requirement, flat(requirements)):
            version, _ = packages.get(canonicalize_name(requirement.name), ("", []))
            if not version or not requirement.specifier.contains(version, prereleases=True):
                found.append(f"{name}: {requirement} is wanted, {version or 'nothing'} is there")
    return found


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        if found := misfits():
            sys.exit("\n".join([*found, "run `python docker/lock.py`"]))
        return
    same = ""
    for name, (what, requirements) in wanted().items():
        text = _file(name, what, _resolve(requirements, same))
        (HERE / name).write_text(text, encoding="utf-8")
        same += "".join(f"{package}=={version}\n" for package, (version, _) in locked(text).items())


if __name__ == "__main__":
    main()
