"""`ocrm55 boards`: real boards by name, what fits them, and about how long it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocrm55 import console, files, plain_json, stages
from ocrm55.commands.options import build_options
from ocrm55.errors import InputError


@build_options(only=["build_dir"])
def boards(
    options: stages.Options,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One board, with all that is known of it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Place, link and count again on QEMU, instead of reading the record.")
    ] = False,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="FILE", help="With --measure: write the figures to this file.")
    ] = None,
) -> None:
    """List the boards that ocrm55 knows: clock, NPU, which networks fit, and about how long they take.

    Memories, clocks and NPUs are from public documents, which `ocrm55 boards NAME` lists. Times are estimates from
    counts on QEMU, as of `ocrm55 profile --cycles`. Compile for a board with --board NAME; docs/boards.md goes on.
    """
    from ocrm55 import facts
    from ocrm55.boards import as_named, find
    from ocrm55.report import known_boards as report

    if record is not None and not measure:
        raise InputError("--record says where new figures go, so it needs --measure.", ["add --measure"])
    known = [each.name for each in facts.known()]
    name = None if name is None else as_named(name)
    if name is not None and name not in known:
        raise InputError(f"there is no board `{name[:80]}`.", [f"use one of {', '.join(known)}"])
    files.check_place(record)
    if measure:
        from ocrm55.bench import known_boards

        rows = known_boards.measure([name] if name else known, options.build_dir)
    else:
        rows = report.record()
    if record is not None:
        older = report.record(record) if name and record.exists() else {}
        files.write_json(record, {"boards": older | rows})
        console.note(f"wrote {record}")
    if as_json:
        console.result(plain_json.text(report.values(rows, [name] if name else ())))
    elif name is not None:
        report.show_one(facts.of(find(name)), rows.get(name))
    else:
        report.show(rows)
