"""Run a Python module with a limit of open files: `python -m tests.support.limited_files SOFT HARD MODULE`."""

import os
import resource
import sys

if __name__ == "__main__":
    soft, hard, *module = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(soft), int(hard)))
    os.execv(sys.executable, [sys.executable, "-m", *module])
