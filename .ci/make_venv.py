#!/usr/bin/env python3
"""Create the virtual environment of this project, or say in one sentence why that cannot be done."""

import subprocess
import sys

OLDEST = (3, 10)


def main(folder: str) -> int:
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        print(f"This project needs Python 3.10 or newer; {sys.executable} is {found}. Try: make PYTHON=python3.11", file=sys.stderr)
        return 1
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=False)
    if done.returncode:
        print("Python's venv module is missing or broken; on Debian: apt install python3-venv", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
