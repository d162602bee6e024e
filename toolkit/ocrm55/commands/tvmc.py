"""`ocrm55 tvmc`: the command line that TVMC had."""

from __future__ import annotations

import typer

# The command line behind `tvmc` is TVMC's own, so argparse reads it, --help included.
CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def tvmc(context: typer.Context) -> None:
    """Compile a Paddle or ONNX model as TVM's `tvmc compile` did: same arguments, same archive, same C interface."""
    from ocrm55.tvmc.program import run

    run(context.args, "ocrm55 tvmc")
