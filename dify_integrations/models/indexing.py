"""Indexing: how a document is to be cut into chunks, and how far the server is with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from .base import Listed, Model, RequestModel, Seconds

if TYPE_CHECKING:
    from typing_extensions import Self

ProcessMode = Literal["automatic", "custom", "hierarchical"]
ParentMode = Literal["paragraph", "full-doc"]
PreProcessing = Literal["remove_extra_spaces", "remove_urls_emails", "remove_stopwords"]

DONE = ("completed", "error", "paused")
"""Values of `indexing_status` that do not change by themselves."""


class PreProcessingRule(RequestModel):
    """One way of cleaning the text, on or off.

    Attributes:
        id: `remove_extra_spaces`, `remove_urls_emails` or `remove_stopwords`.
        enabled: Whether it is done.
    """

    id: PreProcessing
    enabled: bool = True


class Segmentation(RequestModel):
    r"""Where the text is cut.

    Attributes:
        max_tokens: Size of the largest chunk, 50 to the server's limit (4000 unless changed there).
        separator: Where to cut first, not empty.
        chunk_overlap: Tokens that neighbours share.
    """

    max_tokens: int = Field(ge=50)
    separator: str = Field(default="\n", min_length=1)
    chunk_overlap: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if self.chunk_overlap > self.max_tokens:
            raise ValueError("chunk_overlap must not be larger than max_tokens")
        return self


class ProcessRules(RequestModel):
    """The rules of the modes `custom` and `hierarchical`.

    Attributes:
        pre_processing_rules: How the text is cleaned; those not named are off.
        segmentation: Where it is cut, into parents for `hierarchical`.
        parent_mode: `paragraph`, or `full-doc` for one parent that is the whole document.
        subchunk_segmentation: Where parents are cut into the pieces that are searched.
    """

    pre_processing_rules: list[PreProcessingRule] = Field(default_factory=list)
    segmentation: Segmentation | None = None
    parent_mode: ParentMode | None = None
    subchunk_segmentation: Segmentation | None = None


class ProcessRule(RequestModel):
    """How a document is cleaned and cut into chunks; made with `automatic`, `custom` or `hierarchical`.

    Attributes:
        mode: `automatic`, `custom` or `hierarchical`.
        rules: For the two others than `automatic`.
    """

    mode: ProcessMode
    rules: ProcessRules | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        # Dify: "Process rule segmentation is required" as 400, the other one as an error of the indexing.
        if self.mode != "automatic" and (self.rules is None or self.rules.segmentation is None):
            raise ValueError(f"the mode {self.mode} needs rules.segmentation")
        if self.mode == "hierarchical" and (self.rules is None or self.rules.subchunk_segmentation is None):
            raise ValueError("the mode hierarchical needs rules.subchunk_segmentation")
        return self

    @classmethod
    def automatic(cls) -> ProcessRule:
        """Dify's own rules: cut at line breaks into at most 500 tokens, 50 of them shared; extra spaces removed."""
        return cls(mode="automatic")

    @classmethod
    def custom(
        cls,
        *,
        max_tokens: int,
        separator: str = "\n",
        chunk_overlap: int = 0,
        remove_extra_spaces: bool = True,
        remove_urls_emails: bool = False,
        remove_stopwords: bool = False,
    ) -> ProcessRule:
        r"""Chunks of a size of your own.

        Args:
            max_tokens: Size of the largest chunk, 50 to the server's limit (4000 unless changed there).
            separator: Where to cut first, such as `\n\n` for paragraphs.
            chunk_overlap: Tokens that neighbours share.
            remove_extra_spaces: Runs of spaces and tabs become one, three and more line breaks two.
            remove_urls_emails: Addresses are dropped.
            remove_stopwords: Words without meaning are dropped, where the server knows them.

        Raises:
            InvalidArgument: An empty separator, fewer than 50 tokens, or an overlap that does not fit.
        """
        rules = ProcessRules(
            pre_processing_rules=_cleaning(remove_extra_spaces, remove_urls_emails, remove_stopwords),
            segmentation=Segmentation(max_tokens=max_tokens, separator=separator, chunk_overlap=chunk_overlap),
        )
        return cls(mode="custom", rules=rules)

    @classmethod
    def hierarchical(
        cls,
        *,
        max_tokens: int,
        child_max_tokens: int,
        separator: str = "\n\n",
        child_separator: str = "\n",
        chunk_overlap: int = 0,
        child_chunk_overlap: int = 0,
        parent_mode: ParentMode = "paragraph",
        remove_extra_spaces: bool = True,
        remove_urls_emails: bool = False,
        remove_stopwords: bool = False,
    ) -> ProcessRule:
        r"""Small pieces that are searched, inside parents that are answered; for `doc_form="hierarchical_model"`.

        Args:
            max_tokens: Size of the largest parent, as in `custom`.
            child_max_tokens: Size of the largest piece, 50 or more.
            separator: Where to cut into parents.
            child_separator: Where to cut parents into pieces.
            chunk_overlap: Tokens that neighbouring parents share.
            child_chunk_overlap: Tokens that neighbouring pieces share.
            parent_mode: `full-doc` makes the whole document one parent.
            remove_extra_spaces: As in `custom`.
            remove_urls_emails: As in `custom`.
            remove_stopwords: As in `custom`.

        Raises:
            InvalidArgument: As in `custom`.
        """
        rules = ProcessRules(
            pre_processing_rules=_cleaning(remove_extra_spaces, remove_urls_emails, remove_stopwords),
            segmentation=Segmentation(max_tokens=max_tokens, separator=separator, chunk_overlap=chunk_overlap),
            parent_mode=parent_mode,
            subchunk_segmentation=Segmentation(
                max_tokens=child_max_tokens, separator=child_separator, chunk_overlap=child_chunk_overlap
            ),
        )
        return cls(mode="hierarchical", rules=rules)


def _cleaning(spaces: bool, addresses: bool, stopwords: bool) -> list[PreProcessingRule]:
    rules = [PreProcessingRule(id="remove_extra_spaces", enabled=spaces)]
    rules.append(PreProcessingRule(id="remove_urls_emails", enabled=addresses))
    return [*rules, PreProcessingRule(id="remove_stopwords")] if stopwords else rules


class IndexingStatus(Model):
    """How far the server is with one document. Times are Unix seconds.

    Attributes:
        id: The document's.
        indexing_status: `waiting`, `parsing`, `cleaning`, `splitting`, `indexing`, then `completed`, `error` or `paused`.
        error: Why it failed.
        completed_segments, total_segments: Chunks that are indexed, and in all as far as known; both 0 at first, and for
            some kinds of documents to the end.
        processing_started_at, parsing_completed_at, cleaning_completed_at, splitting_completed_at, completed_at: When
            each step was done.
        paused_at, stopped_at: When it was paused, or failed.
    """

    id: str
    indexing_status: str | None = None
    error: str | None = None
    completed_segments: int | None = None
    total_segments: int | None = None
    processing_started_at: Seconds = None
    parsing_completed_at: Seconds = None
    cleaning_completed_at: Seconds = None
    splitting_completed_at: Seconds = None
    completed_at: Seconds = None
    paused_at: Seconds = None
    stopped_at: Seconds = None

    @property
    def is_done(self) -> bool:
        """Whether it will not change by itself: completed, failed or paused."""
        return self.indexing_status in DONE


class BatchStatus(Model):
    """How far the server is with the documents of one batch.

    Attributes:
        data: One entry per document.
    """

    data: Listed[IndexingStatus]

    @property
    def is_done(self) -> bool:
        """Whether every document is completed, failed or paused."""
        return bool(self.data) and all(status.is_done for status in self.data)
