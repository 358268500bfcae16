# Generated from dify_integrations/_async/resources/__init__.py by .ci/twin.py; edit that file and run `make twin`.
"""What a client offers, one file per API area: signature, documentation, one line of body."""
