"""Where the repository is, and how its programs are run."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
WITHOUT_STREAMS = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")  # runs a command that has no standard streams
