"""A typed client of Dify's Service API, sync and async, over one streaming transport."""

from ._async.client import AsyncDify
from ._async.stream import AsyncRun
from ._sync.client import Dify
from ._sync.stream import Run
from ._version import __version__
from .core.retry import RetryPolicy
from .errors import *  # noqa: F403
