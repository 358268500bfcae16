"""What happens to an object with connections and a key when it is copied or pickled."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NoReturn

from typing_extensions import Self


class NeverPickled:
    """Without its key it would work with whatever key the other process has."""

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"a {name} is not pickled; make one in the other process, with the key from its environment")


class Copied(NeverPickled):
    """Copies of a plain object, for which `copy` would otherwise ask the pickler. Connections know to be shared."""

    def __copy__(self) -> Self:
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        memo[id(self)] = copied = object.__new__(type(self))
        handlers = vars(self).get("callback_manager")  # they hear of all, as of objects that are made with them
        memo[id(handlers)] = handlers
        vars(copied).update(deepcopy(vars(self), memo))
        return copied
