"""One measurement of one contender in a process of its own; prints one JSON line.

python benchmarks/worker.py CONTENDER SCENARIO MODE BASE_URL
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import statistics
import sys
import time

from contenders import CONTENDERS

EVENTS, ADAPTER_EVENTS, STREAMS = 50_000, 5_000, 1000
PACED = {"n": 20, "delay": 200}
ONE_BY_ONE = {"n": 100, "delay": 10}


def run(contender, mode, inputs, *, warm=True):
    """CPU and wall time of one stream read to its end."""

    tokens = []

    def measured(read):
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        read()
        return {"count": len(tokens), "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}

    if mode == "sync":
        contender.open()
        if warm:
            contender.stream({"n": 50}, list().append)
        result = measured(lambda: contender.stream(inputs, tokens.append))
        contender.close()
        return result
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(contender.aopen())
        if warm:
            loop.run_until_complete(contender.astream({"n": 50}, list().append))
        result = measured(lambda: loop.run_until_complete(contender.astream(inputs, tokens.append)))
        loop.run_until_complete(contender.aclose())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
    return result


def burst(contender, mode, events):
    result = run(contender, mode, {"n": events})
    if result["count"] != events:
        raise SystemExit(f"{result['count']} tokens of {events}")
    return {"us_per_event": result["cpu"] / events * 1e6, "events_per_s": events / result["wall"]}


def first(contender, mode, repeats=200):
    """Seconds from the call to the first token, warm connection."""
    times = []
    began = None

    def mark(_token):
        nonlocal began
        if began is not None:
            times.append(time.perf_counter() - began)
            began = None

    async def many():
        nonlocal began
        await contender.aopen()
        for _ in range(repeats):
            began = time.perf_counter()
            await contender.astream({"n": 5}, mark)
        await contender.aclose()

    if mode == "async":
        asyncio.run(many())
    else:
        contender.open()
        for _ in range(repeats):
            began = time.perf_counter()
            contender.stream({"n": 5}, mark)
        contender.close()
    return {"first_us": statistics.median(times) * 1e6}


def thousand(contender, _mode):
    """1000 paced streams at once in one loop: 20 events each, one every 200 ms, so 4 s at best."""

    async def all_of_them():
        await contender.aopen()
        cpu, wall = time.process_time(), time.perf_counter()
        tokens = [[] for _ in range(STREAMS)]
        await asyncio.gather(*[contender.astream(PACED, seen.append) for seen in tokens])
        result = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        await contender.aclose()
        short = sum(len(seen) != PACED["n"] for seen in tokens)
        if short:
            raise SystemExit(f"{short} streams of {STREAMS} were short")
        return result

    result = asyncio.run(all_of_them())
    return {**result, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def paced(contender, mode):
    """Tokens sent every 10 ms, each with the time it was sent: how late they come, and how many only after the next one was sent."""
    late = []

    def arrived(token):
        late.append((time.monotonic_ns() - int(token[:19])) / 1000)

    async def all_of_them():
        await contender.aopen()
        await contender.astream(ONE_BY_ONE, arrived)
        await contender.aclose()

    if mode == "async":
        asyncio.run(all_of_them())
    else:
        contender.open()
        contender.stream(ONE_BY_ONE, arrived)
        contender.close()
    if len(late) != ONE_BY_ONE["n"]:
        raise SystemExit(f"{len(late)} tokens of {ONE_BY_ONE['n']}")
    behind = sum(delay > ONE_BY_ONE["delay"] * 1000 for delay in late)
    return {"late_us": statistics.median(late), "after_the_next": behind}


SCENARIOS = {
    "burst": lambda contender, mode: burst(contender, mode, EVENTS),
    "token": lambda contender, mode: burst(contender, mode, ADAPTER_EVENTS),
    "first": first,
    "paced": paced,
    "thousand": thousand,
}

if __name__ == "__main__":
    name, scenario, mode, base = sys.argv[1:5]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(SCENARIOS[scenario](CONTENDERS[name](base), mode)))
