"""Rules for the pack description that we write, in our words, from the documentation of Open-CMSIS-Pack.

The documentation allows more elements than we write. An element or attribute that is not in `ELEMENTS` is a fault here:
add it with the values that the documentation gives it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

VERSION = r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
TEXT = r".*\S.*"
NAME = r"[-_A-Za-z0-9/]+( [-_A-Za-z0-9/]+)*"  # of a class or a group
ID = r"[-_A-Za-z0-9.]+"
PLACE = r"(?!/)(?!.*\.\./)[-_A-Za-z0-9./]+"  # inside the pack
CORE = r"Cortex-(M0|M0\+|M1|M3|M4|M7|M23|M33|M35P|M52|M55|M85)"
CATEGORY = (
    r"doc|header|include|library|object|source|sourceC|sourceCpp|sourceAsm|linkerScript|utility|image|other"
    r"|preIncludeLocal|preIncludeGlobal"
)
SUFFIXES = {"source": (".c",), "header": (".h",), "linkerScript": (".ld", ".sct"), "doc": (".md", ".html", ".pdf")}
# What the pack has for others than a CMSIS tool: those who build with CMake, a csolution layer, ourselves.
NOT_NAMED = {"CMakeLists.txt", "ocrm55-config.cmake", "metadata.json", "recognizer.clayer.yml", "ocrm55.pidx"}
NOT_NAMED |= {"library.json", "library.properties"}
OTHERS = {"zephyr", "csolution", "examples/Read", "examples/platformio"}  # folders of the same kind


@dataclass(frozen=True)
class Element:
    """What an element has: `needs` and `may` are patterns of attributes; `inside` names children and how many."""

    needs: dict[str, str] = field(default_factory=dict)
    may: dict[str, str] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)  # "1", "?" none or one, "+" one or more
    text: str = ""


ELEMENTS = {
    "package": Element(
        needs={"schemaVersion": VERSION},
        may={r"{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation": r"https://\S+"},
        inside=dict.fromkeys(("vendor", "name", "description", "url", "license", "releases", "components"), "1")
        | dict.fromkeys(("licenseSets", "keywords", "taxonomy", "requirements", "conditions"), "?"),
    ),
    "package/vendor": Element(text=ID),
    "package/name": Element(text=ID),
    "package/description": Element(text=TEXT),
    "package/url": Element(text=r"(https?://\S+)?"),
    "package/license": Element(text=PLACE),
    "package/licenseSets": Element(inside={"licenseSet": "+"}),
    "package/licenseSets/licenseSet": Element(
        needs={"id": ID}, may={"default": "true|false", "gating": "true|false"}, inside={"license": "+"}
    ),
    "package/licenseSets/licenseSet/license": Element(needs={"name": PLACE, "title": TEXT}, may={"spdx": ID}),
    "package/releases": Element(inside={"release": "+"}),
    "package/releases/release": Element(needs={"version": VERSION}, text=TEXT),
    "package/keywords": Element(inside={"keyword": "+"}),
    "package/keywords/keyword": Element(text=TEXT),
    "package/taxonomy": Element(inside={"description": "+"}),
    "package/taxonomy/description": Element(needs={"Cclass": NAME}, may={"Cgroup": NAME}, text=TEXT),
    "package/requirements": Element(inside={"packages": "1"}),
    "package/requirements/packages": Element(inside={"package": "+"}),
    "package/requirements/packages/package": Element(needs={"vendor": ID, "name": ID}, may={"version": VERSION}),
    "package/conditions": Element(inside={"condition": "+"}),
    "package/conditions/condition": Element(
        needs={"id": ID}, inside={"description": "?", "accept": "*", "require": "*"}
    ),
    "package/conditions/condition/description": Element(text=TEXT),
    "package/conditions/condition/accept": Element(needs={"Dcore": CORE}),
    "package/conditions/condition/require": Element(needs={"Cclass": NAME, "Cgroup": NAME}),
    "package/components": Element(inside={"component": "+"}),
    "package/components/component": Element(
        needs={"Cclass": NAME, "Cgroup": NAME, "Cversion": VERSION},
        may={"Csub": NAME, "condition": ID},
        inside={"description": "1", "files": "1"},
    ),
    "package/components/component/description": Element(text=TEXT),
    "package/components/component/files": Element(inside={"file": "+"}),
    "package/components/component/files/file": Element(
        needs={"category": CATEGORY, "name": PLACE},
        may={"language": "asm|c|cpp|c-cpp|link", "attr": "config|template", "select": TEXT, "condition": ID},
    ),
}  # fmt: skip
_COUNTS = {"1": (1, 1), "?": (0, 1), "+": (1, None), "*": (0, None)}


def faults(folder: Path) -> list[str]:
    """What is wrong with the one description in a pack's folder; empty where nothing is."""
    paths = list(folder.glob("*.pdsc"))
    if len(paths) != 1:
        return [f"{len(paths)} descriptions"]
    try:
        package = ElementTree.parse(paths[0]).getroot()
    except ElementTree.ParseError as trouble:
        return [f"no XML: {trouble}"]
    if package.tag != "package":
        return [f"the root is {package.tag}"]
    shape = list(_shape(package, "package"))
    return shape or [
        *_names(package, paths[0].name),
        *_versions(package),
        *_conditions(package),
        *_components(package),
        *_files(package, folder),
    ]


def _shape(element: ElementTree.Element, path: str) -> Iterator[str]:
    """Elements, attributes and texts, each by itself."""
    rule = ELEMENTS[path]
    allowed = rule.needs | rule.may
    yield from (f"{path} has no {name}" for name in rule.needs if name not in element.attrib)
    for name, value in element.attrib.items():
        if name not in allowed:
            yield f"{path} has an attribute {name}"
        elif not re.fullmatch(allowed[name], value):
            yield f"{path}: {name} cannot be {value!r}"
    if not re.fullmatch(rule.text, (element.text or "").strip()):
        yield f"{path} cannot say {element.text!r}"
    found = Counter(child.tag for child in element)
    for name, how_many in rule.inside.items():
        least, most = _COUNTS[how_many]
        if found[name] < least or (most is not None and found[name] > most):
            yield f"{path} has {found[name]} of {name}"
    for child in element:
        if child.tag in rule.inside:
            yield from _shape(child, f"{path}/{child.tag}")
        else:
            yield f"{path} has an element {child.tag}"


def _names(package: ElementTree.Element, file_name: str) -> Iterator[str]:
    vendor, name = package.findtext("vendor"), package.findtext("name")
    if file_name != f"{vendor}.{name}.pdsc":
        yield f"{file_name} is not called {vendor}.{name}.pdsc"
    sets = package.findall("licenseSets/licenseSet")
    yield from _twice("license set", [each.get("id") for each in sets])
    if sets and sum(each.get("default") == "true" for each in sets) != 1:
        yield "not one license set is the default"


def _versions(package: ElementTree.Element) -> Iterator[str]:
    """Releases are listed from the newest; components are of the newest."""
    versions = [release.get("version", "") for release in package.iter("release")]
    yield from _twice("release", versions)
    numbers = [[int(number) for number in re.split("[-+]", version)[0].split(".")] for version in versions]
    if numbers != sorted(numbers, reverse=True):
        yield "releases are not listed from the newest"
    for component in package.iter("component"):
        if component.get("Cversion") != versions[0]:
            yield f"the component is of version {component.get('Cversion')}, the release {versions[0]}"


def _conditions(package: ElementTree.Element) -> Iterator[str]:
    known = [condition.get("id") for condition in package.iter("condition")]
    used = {each.get("condition") for each in package.iter() if each.get("condition") is not None}
    yield from _twice("condition", known)
    yield from (f"there is no condition {name}" for name in used - set(known))
    yield from (f"nothing has the condition {name}" for name in set(known) - used)
    yield from (
        f"the condition {each.get('id')} says nothing"
        for each in package.iter("condition")
        if each.find("accept") is None and each.find("require") is None
    )


def _components(package: ElementTree.Element) -> Iterator[str]:
    """A class of its own is described in the taxonomy; a group of another pack needs that pack."""
    components = list(package.iter("component"))
    yield from _twice("component", [tuple(each.get(n) for n in ("Cclass", "Cgroup", "Csub")) for each in components])
    described = {each.get("Cclass") for each in package.findall("taxonomy/description")}
    own = {each.get("Cclass") for each in components}
    yield from (f"the taxonomy does not describe {name}" for name in own - described)
    if any(each.get("Cclass") not in own for each in package.iter("require")) and not list(
        package.iterfind("requirements/packages/package")
    ):
        yield "no pack is named that has what a condition requires"


def _files(package: ElementTree.Element, folder: Path) -> Iterator[str]:
    """Every file that is named is there; every file that is there is named, or has another reader."""
    files = list(package.iter("file"))
    named = [file.get("name", "") for file in files]
    licenses = {each.get("name", "") for each in package.iterfind(".//licenseSet/license")}
    licenses |= {package.findtext("license", "")}
    yield from _twice("file", named)
    yield from (f"{name} is not in the pack" for name in {*named, *licenses} if not (folder / name).is_file())
    for file in files:
        category, name = file.get("category", ""), file.get("name", "")
        if not name.endswith(SUFFIXES.get(category, "")):
            yield f"{name} is no {category}"
        if (category == "source") != (file.get("language") is not None):
            yield f"{name}, a {category}, has the language {file.get('language')}"
        if (file.get("attr") == "template") != (file.get("select") is not None):
            yield f"{name}: a template, and only a template, says when it is selected"
    sources = {str(Path(name).parent) for name in named if name.endswith(".c")}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        private = path.suffix == ".h" and str(place.parent) in sources  # included by the sources beside it
        other = place.as_posix() in NOT_NAMED | licenses or path.suffix == ".pdsc"
        other = other or any(above.as_posix() in OTHERS for above in place.parents)
        if path.is_file() and place.as_posix() not in named and not private and not other:
            yield f"{place} is in the pack and nothing names it"


def _twice(what: str, values: list) -> Iterator[str]:
    yield from (f"{what} {value} is there {count} times" for value, count in Counter(values).items() if count > 1)
