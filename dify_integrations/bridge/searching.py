"""Searches of one or several knowledge bases: with which settings each is asked, and what of those that fail."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import anyio

from ..errors import BadRequest, DifyError, EndpointNotAvailable
from .flows import Call, Flow, adriven, driven
from .hits import Hit, SearchOptions, hits_of, is_economy, retrieval_model
from .knowing import THREADS, Known, this_loop

if TYPE_CHECKING:
    from ..models.datasets import Dataset
    from ..models.retrieval import Retrieval, RetrievalModel
    from .clients import Clients

OnDatasetError = Literal["raise", "skip"]
"""What to do when one of several knowledge bases cannot be asked: fail, or leave it out with a warning."""
_AT_ONCE: Final = 8
"""Knowledge bases; each may be asked several parts of a query at once."""
Answer: TypeAlias = list[list[Hit]] | DifyError
"""What one knowledge base came to: hits for every part of the query, or why there are none."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """Asks knowledge bases, up to eight of them at once.

    Attributes:
        clients: To ask with.
        dataset_ids: Each is asked once, however often it is named.
        saved: Their saved settings, as far as they were needed: kept by the caller, filled here. `None` stands for those of
            a server too old to tell them (0.15).
        on_error: The policy.
    """

    clients: Clients
    dataset_ids: Sequence[str]
    saved: Known[Dataset | None]
    on_error: OnDatasetError = "raise"

    def search(self, queries: Sequence[str], options: SearchOptions) -> list[list[Hit]]:
        """The hits of every knowledge base for every part of a query, in the order of `dataset_ids`.

        Raises:
            DifyError: A knowledge base cannot be asked; with `skip` only when none can.
        """
        datasets = self.clients.sync.datasets

        def ask(dataset_id: str) -> Answer:
            try:
                return driven(self._asking(dataset_id, queries, options, THREADS), datasets)
            except DifyError as error:
                return error

        bases = self._bases
        if len(bases) == 1:
            return self._judged({bases[0]: ask(bases[0])})
        with ThreadPoolExecutor(min(len(bases), _AT_ONCE)) as threads:
            # A context of its own for each thread: who is asking, and below which span, goes along.
            asked = {dataset_id: threads.submit(copy_context().run, ask, dataset_id) for dataset_id in bases}
            return self._judged({dataset_id: answer.result() for dataset_id, answer in asked.items()})

    async def asearch(self, queries: Sequence[str], options: SearchOptions) -> list[list[Hit]]:
        """As `search`, without blocking."""
        datasets, answers, here = self.clients.asynchronous.datasets, dict[str, Answer](), this_loop()

        limit = anyio.Semaphore(_AT_ONCE)

        async def ask(dataset_id: str) -> None:
            try:
                async with limit:
                    answers[dataset_id] = await adriven(self._asking(dataset_id, queries, options, here), datasets)
            except DifyError as error:  # kept, or it would come out inside an exception group
                answers[dataset_id] = error

        async with anyio.create_task_group() as group:
            for dataset_id in self._bases:
                group.start_soon(ask, dataset_id)
        return self._judged({dataset_id: answers[dataset_id] for dataset_id in self._bases})

    @property
    def _bases(self) -> list[str]:
        return list(dict.fromkeys(self.dataset_ids))

    def _asking(self, dataset_id: str, queries: Sequence[str], options: SearchOptions, here: Hashable) -> Flow[list[list[Hit]]]:
        learning = partial(self.saved.learning, dataset_id, partial(_saved_settings, dataset_id), here)
        if not options.is_empty:
            yield from learning()
        knew = dataset_id in self.saved  # another search may learn it before this one is answered
        try:
            return (yield from self._searching(dataset_id, queries, options))
        except BadRequest:
            # An economy knowledge base refuses even the settings it has saved; it is asked again by keyword.
            if knew or not is_economy((yield from learning())):
                raise
        return (yield from self._searching(dataset_id, queries, options))

    def _searching(self, dataset_id: str, queries: Sequence[str], options: SearchOptions) -> Flow[list[list[Hit]]]:
        model = retrieval_model(options, self.saved.get(dataset_id))
        if len(queries) == 1:
            found: list[Retrieval] = [(yield _retrieval(dataset_id, queries[0], model))]
        else:
            found = yield tuple(_retrieval(dataset_id, query, model) for query in queries)
        return [hits_of(retrieval, dataset_id) for retrieval in found]

    def _judged(self, answers: Mapping[str, Answer]) -> list[list[Hit]]:
        """The results of those that answered, by the policy for the others."""
        errors = {dataset_id: answer for dataset_id, answer in answers.items() if isinstance(answer, DifyError)}
        if errors and (self.on_error == "raise" or len(errors) == len(answers)):
            raise next(iter(errors.values()))
        for dataset_id, error in errors.items():
            warnings.warn(f"knowledge base {dataset_id} was left out: {error}", stacklevel=3)
        return [result for answer in answers.values() if not isinstance(answer, DifyError) for result in answer]


def _saved_settings(dataset_id: str) -> Flow[Dataset | None]:
    try:
        saved: Dataset = yield lambda datasets: datasets.get(dataset_id)
    except (BadRequest, EndpointNotAvailable):
        return None
    return saved


def _retrieval(dataset_id: str, query: str, model: RetrievalModel | None) -> Call:
    return lambda datasets: datasets.retrieve(dataset_id, query, retrieval_model=model)
