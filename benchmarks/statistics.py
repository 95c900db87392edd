"""Decisions under peeking, beside GrowthBook's: run as a script it is `peeking.py`, all of it.

Every script of this folder finds this file before the standard library's `statistics`, and so do
the libraries they import. Under that name it is the standard one.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from pathlib import Path

if __name__ == "statistics":
    file = Path(sysconfig.get_path("stdlib")) / "statistics.py"
    spec = importlib.util.spec_from_file_location("statistics", file)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["statistics"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
elif __name__ == "__main__":
    from peeking import main

    sys.exit(main())
