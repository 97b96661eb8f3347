"""The page: open a photo, brush over what should go, press Fill.

    python app.py --model owner/model

It runs on your machine or as a Space. Programs call its endpoints /fill and /compare.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from inpaint_hub.extras import import_problem
from inpaint_hub.flags import count, limit, place, port
from inpaint_hub.methods import DEFAULT
from inpaint_hub.methods.registry import get_method
from inpaint_hub.standard_streams import open_closed_streams

EXAMPLES = Path(__file__).parent / "examples"
LIMITS = {  # flag: what it is unless given or in $INPAINT_<FLAG>, and what it limits; all but queue_share 1 or more
    "queue": (20, "requests that may wait; the next one is told that the queue is full"),
    "queue_share": (8, "requests of one address that may wait; 0 for any number, behind a proxy that hides addresses"),
    "concurrency": (1, "photos filled at once, each in a process of its own"),
    "max_upload_mb": (50, "megabytes of a file"),
    "max_megapixels": (100, "megapixels of a photo"),
    "time_limit": (120, "seconds for a photo and a method; then the work is stopped"),
    "keep": (3600, "seconds after which what was uploaded and filled is deleted"),
}


def parse_args() -> argparse.Namespace:
    """Read the command line; what is not given comes from the environment."""
    parser = argparse.ArgumentParser(description="Open the page that fills holes in photos.")
    parser.add_argument(
        "--model",
        type=place,
        default=os.environ.get("INPAINT_MODEL") or DEFAULT,
        help="a shipped name or another method, a local folder, or owner/model on the Hub, which fills unless a visitor"
        f" chooses another (default: $INPAINT_MODEL, or {DEFAULT})",
    )
    parser.add_argument("--host", help="address to listen on (default: $GRADIO_SERVER_NAME, or 127.0.0.1)")
    parser.add_argument("--port", type=port, help="port to listen on (default: $GRADIO_SERVER_PORT, or 7860)")
    parser.add_argument("--mcp", action="store_true", help="answer as an MCP server too (pip install 'gradio[mcp]')")
    for name, (default, what) in LIMITS.items():
        variable = f"INPAINT_{name.upper()}"
        parser.add_argument(
            f"--{name}",
            type=limit if name == "queue_share" else count,
            default=os.environ.get(variable) or str(default),  # text, which argparse checks as it does the flag's
            help=f"{what} (default: ${variable}, or {default})",
        )
    return parser.parse_args()


def main() -> None:
    open_closed_streams()
    args = parse_args()
    try:
        from inpaint_hub.web.page import build, launch_options
    except ImportError as error:
        sys.exit(import_problem("the page", error, "app"))
    try:
        get_method(args.model)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"cannot load the model {args.model!r}: {error}")
    limits = {name: getattr(args, name) for name in LIMITS}
    page = build(args.model, EXAMPLES, limits)
    options = launch_options(page, EXAMPLES, limits)
    try:
        page.launch(server_name=args.host, server_port=args.port, mcp_server=args.mcp, **options)
    except OSError as error:
        port = f"port {args.port}" if args.port else "any port"
        sys.exit(
            f"cannot listen on {port} of {args.host or 'this machine'}: it is taken, or the address is another"
            f" machine's ({error}); give another --port, or --host"
        )


if __name__ == "__main__":
    main()
