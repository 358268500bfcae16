"""Measure this package against plain httpx in the same run, interleaved, and print the ratios.

    python benchmarks/run.py [--repeats 5] [--only burst,first]

Only the ratios mean something: the machines are shared and noisy. Every run is added to `history.jsonl` with the machine
and the versions; `README.md` says how the figures came about.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
# scenario, mode, contenders (httpx is the yardstick), figure that is compared, lower is better
PLAN = [
    ("burst", "sync", ["httpx", "core"], "us_per_event"),
    ("burst", "async", ["httpx", "core"], "us_per_event"),
    ("first", "sync", ["httpx", "core"], "first_us"),
    ("first", "async", ["httpx", "core"], "first_us"),
    ("thousand", "async", ["httpx", "core"], "wall_s"),
    ("token", "sync", ["httpx", "core", "langchain", "llamaindex"], "us_per_event"),
    ("token", "async", ["httpx", "core", "langchain", "llamaindex"], "us_per_event"),
]
TITLES = {
    "burst": "one stream of 50,000 events, CPU µs per event",
    "first": "first event on a warm connection, µs from the call",
    "thousand": "1000 concurrent streams paced to 4 s, wall s",
    "token": "one stream of 5,000 tokens, CPU µs per token",
}


def serve():
    """Start the fake server; its address."""
    process = subprocess.Popen([sys.executable, HERE / "server.py", "--port", "0"], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    return process, "http://" + line.split()[-1]


def measure(name, scenario, mode, base):
    command = [sys.executable, HERE / "worker.py", name, scenario, mode, base]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LANGSMITH_TRACING": "false"}, check=False)
    if done.returncode:
        raise SystemExit(f"{name} {scenario} {mode} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(scenario, mode, names, base, repeats):
    """Medians of interleaved repetitions."""
    samples = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            samples[name].append(measure(name, scenario, mode, base))
    return {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in samples.items()}


def report(scenario, mode, figure, medians):
    yardstick = medians["httpx"][figure]
    print(f"\n{TITLES[scenario]} ({mode})")
    for name, figures in medians.items():
        others = "  ".join(f"{key} {value:,.1f}" for key, value in figures.items() if key != figure)
        print(f"  {name:<11} {figures[figure]:>10,.2f}   {figures[figure] / yardstick:5.2f} × httpx   {others}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    only = set(filter(None, arguments.only.split(",")))
    server, base = serve()
    versions = {
        name: importlib.metadata.version(name)
        for name in ("httpx", "httpcore", "pydantic-core", "langchain-core", "llama-index-core")
    }
    record = {
        "when": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "versions": versions,
        "results": {},
    }
    try:
        for scenario, mode, names, figure in PLAN:
            if only and scenario not in only:
                continue
            medians = compare(scenario, mode, names, base, 1 if scenario == "thousand" else arguments.repeats)
            report(scenario, mode, figure, medians)
            record["results"][f"{scenario} {mode}"] = medians
    finally:
        server.terminate()
        server.wait()
    with (HERE / "history.jsonl").open("a") as history:
        history.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
