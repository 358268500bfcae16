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
ADAPTERS = ["httpx", "core", "langchain", "langchain-openai", "llamaindex", "llamaindex-openai"]
# scenario, mode, contenders (httpx is the yardstick), figure that is compared, lower is better
PLAN = [
    ("burst", "sync", ["httpx", "core"], "us_per_event"),
    ("burst", "async", ["httpx", "core"], "us_per_event"),
    ("first", "sync", ["httpx", "core"], "first_us"),
    ("first", "async", ["httpx", "core"], "first_us"),
    ("thousand", "async", ["httpx", "core"], "wall_s"),
    ("token", "sync", ADAPTERS, "us_per_event"),
    ("token", "async", ADAPTERS, "us_per_event"),
    ("paced", "sync", ADAPTERS, "late_us"),
    ("paced", "async", ADAPTERS, "late_us"),
]
# What the adapters promise: at most this part of the CPU time per token of what people would use otherwise.
PROMISES = [
    ("token", "langchain", "langchain-openai", 0.25),
    ("token", "llamaindex", "llamaindex-openai", 0.25),
]
TITLES = {
    "burst": "one stream of 50,000 events, CPU µs per event",
    "first": "first event on a warm connection, µs from the call",
    "thousand": "1000 concurrent streams paced to 4 s, wall s",
    "token": "one stream of 5,000 tokens, CPU µs per token",
    "paced": "100 tokens, one every 10 ms: µs from sending to arrival, and how many came only after the next was sent",
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
        print(f"  {name:<16} {figures[figure]:>10,.2f}   {figures[figure] / yardstick:5.2f} × httpx   {others}")


def broken_promises(scenario, mode, figure, medians):
    """Says how the promises of this scenario stand; those that do not hold."""
    for promised, name, other, limit in PROMISES:
        if promised == scenario:
            ratio = medians[name][figure] / medians[other][figure]
            print(f"  {name} takes {ratio:.2f} of {other} (promised: at most {limit})")
            if ratio > limit:
                yield f"{name} against {other}, {scenario} {mode}: {ratio:.2f} > {limit}"
    late = [name for name, figures in medians.items() if figures.get("after_the_next")]
    if late and "httpx" not in late:  # a busy machine delays plain httpx too
        yield f"{', '.join(late)}, {scenario} {mode}: tokens do not arrive one by one"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    only = set(filter(None, arguments.only.split(",")))
    broken = []
    server, base = serve()
    versions = {
        name: importlib.metadata.version(name)
        for name in (
            *("httpx", "httpcore", "pydantic-core", "langchain-core", "langchain-openai"),
            *("llama-index-core", "llama-index-llms-openai"),
        )
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
            broken += broken_promises(scenario, mode, figure, medians)
            record["results"][f"{scenario} {mode}"] = medians
    finally:
        server.terminate()
        server.wait()
    with (HERE / "history.jsonl").open("a") as history:
        history.write(json.dumps(record) + "\n")
    if broken:
        raise SystemExit("\n".join(broken))


if __name__ == "__main__":
    main()
