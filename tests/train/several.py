"""Do several training jobs one after another in one process: `python -m tests.train.several JOB…`.

Each test of its own process would import torch anew, which takes longer than these runs.
"""

from __future__ import annotations

import os
import sys

import torch

from loop.train.worker import main

if __name__ == "__main__":
    torch.set_num_interop_threads(1)
    torch.set_num_interop_threads = lambda number: None  # torch takes it once
    statuses = [main([path]) for path in sys.argv[1:]]
    print(statuses)
    sys.stdout.flush()
    os._exit(max(statuses))
