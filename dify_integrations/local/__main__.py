"""`python -m dify_integrations.local`: a LocalDify to play with, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from .demo import demo_apps, demo_datasets
from .server import LocalDify


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, say where and with which keys, and wait to be ended."""
    options = _parser().parse_args(arguments)
    datasets = demo_datasets(options.docs)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server = LocalDify(
        demo_apps(datasets),
        datasets,
        options.port,
        host=options.host,
        version=options.dify_version,
        pace_s=options.pace,
    )
    with server:
        sys.stdout.write(_greeting(server))
        sys.stdout.flush()
        ended.wait()
    sys.stdout.write("Stopped.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m dify_integrations.local", description="A local stand-in Dify server.")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose (default)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default 127.0.0.1)")
    parser.add_argument("--pace", type=float, default=0.02, metavar="SECONDS", help="before every token (default 0.02)")
    parser.add_argument("--docs", metavar="FOLDER", help="answer from the .txt and .md files of this folder")
    parser.add_argument("--dify-version", default="1.14.2", help="the release to behave like (default 1.14.2)")
    return parser


def _greeting(server: LocalDify) -> str:
    width = max(len(app.name) for app in server.apps)
    apps = [f"  {app.name:<{width}}  {app.mode:<13}  {app.api_key}" for app in server.apps]
    datasets = [f"  {dataset.name}  {dataset.id}  {len(dataset.documents)} documents" for dataset in server.datasets]
    lines = [
        f"LocalDify is serving at {server.base_url}",
        "",
        "Apps (name, mode, key)",
        *apps,
        "",
        f"Datasets (key {server.dataset_api_key})",
        *datasets,
        "",
        "Press Ctrl-C to stop.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
