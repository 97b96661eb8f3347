"""Standard input, output and error of the programs of this project."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def open_closed_streams() -> None:
    """Give standard streams that are closed, as by `>&-` or by pythonw, the null device.

    Libraries print without asking whether there is a stream; and a file that is opened later would take the place of
    the closed one, and what is printed would go into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  until the end
