"""Libraries that come with the extras of this package, `pip install '.[compare]'`, and what to say where one is not."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def import_problem(user: str, error: ImportError, extra: str) -> str:
    """Say in a sentence why a library cannot be imported, and what to do.

    Args:
        user: What needs it.
        error: What its import raised. Of a library that is there and broken it is no `ModuleNotFoundError`.
        extra: The extra that brings it.
    """
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return f"{user} cannot be loaded ({error})"
    if error.name == "patchmatch" and sys.version_info < (3, 11):
        return f"{user} needs PyPatchMatch, which needs Python 3.11 or newer"
    return f"{user} needs {error.name}, which is not installed: pip install '.[{extra}]' brings it"


def require(user: str, extra: str, *libraries: str) -> None:
    """End the program with a sentence where a library of an extra is not installed; none of them is loaded."""
    for name in libraries:
        if find_spec(name) is None:
            sys.exit(import_problem(user, ModuleNotFoundError(name=name), extra))
