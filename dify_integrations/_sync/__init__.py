# Generated from dify_integrations/_async/__init__.py by .ci/twin.py; edit that file and run `make twin`.
"""Hand-written I/O; `_sync` is generated from it."""
