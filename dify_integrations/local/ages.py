"""Since when (and until when) a server has a route: the one table, for app and dataset routes alike.

A verb that a release lacks on a path it knows is answered 405, a path it does not know with the HTML 404, as real servers do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.routing import Route

from .version import ServerVersion, numbers

_DATASET = "/datasets/{}"
_DOCUMENT = "/datasets/{}/documents/{}"
_CHILDREN = "/datasets/{}/documents/{}/segments/{}/child_chunks"

# What is not here is as old as 0.15. Path parameters are written `{}`, whatever a route calls them.
SINCE = {
    "GET /apps/annotations": "1.2.0",
    "POST /apps/annotations": "1.2.0",
    "PUT /apps/annotations/{}": "1.2.0",
    "DELETE /apps/annotations/{}": "1.2.0",
    "POST /apps/annotation-reply/{}": "1.2.0",
    "GET /apps/annotation-reply/{}/status/{}": "1.2.0",
    "GET /conversations/{}/variables": "1.3.1",
    "GET /app/feedbacks": "1.4.0",
    "GET /site": "1.4.0",
    "PUT /conversations/{}/variables/{}": "1.7.2",
    "GET /files/{}/preview": "1.7.2",
    "POST /workflows/{}/run": "1.7.2",
    "GET /end-users/{}": "1.13.0",
    "GET /workflow/{}/events": "1.14.0",
    "GET /form/human_input/{}": "1.14.0",
    "POST /form/human_input/{}": "1.14.0",
    f"GET {_DATASET}/metadata": "1.1.1",
    f"POST {_DATASET}/metadata": "1.1.1",
    f"PATCH {_DATASET}/metadata/{{}}": "1.1.1",
    f"DELETE {_DATASET}/metadata/{{}}": "1.1.1",
    f"GET {_DATASET}/metadata/built-in": "1.1.1",
    f"POST {_DATASET}/metadata/built-in/{{}}": "1.1.1",
    f"POST {_DATASET}/documents/metadata": "1.1.1",
    f"GET {_DATASET}": "1.2.0",
    f"PATCH {_DATASET}": "1.2.0",
    f"GET {_CHILDREN}": "1.2.0",
    f"POST {_CHILDREN}": "1.2.0",
    f"PATCH {_CHILDREN}/{{}}": "1.2.0",
    f"DELETE {_CHILDREN}/{{}}": "1.2.0",
    "GET /workspaces/current/models/model-types/{}": "1.2.0",
    "GET /datasets/tags": "1.4.2",
    "POST /datasets/tags": "1.4.2",
    "PATCH /datasets/tags": "1.4.2",
    "DELETE /datasets/tags": "1.4.2",
    "POST /datasets/tags/binding": "1.4.2",
    "POST /datasets/tags/unbinding": "1.4.2",
    f"GET {_DATASET}/tags": "1.4.2",
    f"GET {_DOCUMENT}/segments/{{}}": "1.4.2",
    f"GET {_DOCUMENT}": "1.4.3",
    f"PATCH {_DATASET}/documents/status/{{}}": "1.5.0",
    f"GET {_DOCUMENT}/download": "1.13.1",
    f"POST {_DATASET}/documents/download-zip": "1.13.1",
    f"PATCH {_DOCUMENT}": "1.14.0",
    # In the source since 1.9, but not imported before.
    "POST /datasets/pipeline/file-upload": "1.13.0",
    f"GET {_DATASET}/pipeline/datasource-plugins": "1.13.0",
    f"POST {_DATASET}/pipeline/datasource/nodes/{{}}/run": "1.13.0",
    f"POST {_DATASET}/pipeline/run": "1.13.0",
}
# First release without the route; `GET /` is documented everywhere, but every recorded 1.x server says 404.
UNTIL = {
    "GET /": "1.0.0",
    f"GET {_DOCUMENT}/upload-file": "1.9.0",
}


def known(routes: Iterable[Route], version: ServerVersion) -> list[Route]:
    """The routes as a release has them: younger verbs are taken away, routes without a verb left out."""
    kept = []
    for route in routes:
        methods = {verb for verb in route.methods or () if _has(version, verb, route.path)}
        if methods:
            kept.append(Route(route.path, route.endpoint, methods=sorted(methods)))
    return kept


def _has(version: ServerVersion, verb: str, path: str) -> bool:
    name = f"{'GET' if verb == 'HEAD' else verb} {re.sub(r'{[^}]*}', '{}', path)}"
    if name in UNTIL and version.number >= numbers(UNTIL[name]):
        return False
    return name not in SINCE or version.number >= numbers(SINCE[name])
