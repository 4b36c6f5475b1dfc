"""Where the system is."""

import os
import sys
import tomllib
from pathlib import Path


def settings_of(state):
    path = Path(os.environ.get("DAYBOOK_CONFIG") or Path(state) / "daybook.toml")
    if not path.exists():
        sys.exit(f"daybook: {path} does not exist: is the system up? (DAYBOOK_STATE names its folder)")
    return tomllib.loads(path.read_text())
