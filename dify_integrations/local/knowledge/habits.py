"""How releases differ in the knowledge API, by name. What is not recorded is taken from the contract's tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Habits:
    """What a release does in its own way.

    Attributes:
        number: The release, such as `(1, 14, 2)`; `(1, 14, 3)` stands for the main branch after it.
    """

    number: tuple[int, ...]

    @property
    def is_old(self) -> bool:
        """0.15: fewer fields, arguments parsed one at a time, `{"result": "success"}` for most deletes."""
        return self.number < (1, 0, 0)

    @property
    def is_main(self) -> bool:
        """The main branch after 1.14.2."""
        return self.number >= (1, 14, 3)

    @property
    def deletes_with_success(self) -> bool:
        """Documents and segments are deleted with 200 and `{"result": "success"}`."""
        return self.number < (1, 4, 0)

    @property
    def deletes_with_number(self) -> bool:
        """What should be 204 is 200 with the body `204`."""
        return (1, 4, 0) <= self.number < (1, 13, 0)

    @property
    def fumbles_tags(self) -> bool:
        """Tags are made, renamed and listed with a 400 about `binding_count`, and `tag_ids` is never taken.

        Recorded on 1.12.1 and 1.14.2.
        """
        return self.number >= (1, 12, 0) and not self.is_main

    @property
    def unbinds_one_tag(self) -> bool:
        """`unbinding` takes `tag_id` only."""
        return self.number < (1, 14, 1)

    @property
    def checks_retrieval_model(self) -> bool:
        """A retrieval model that lacks a field is a 400 instead of a 500."""
        return self.number >= (1, 13, 3)

    @property
    def filters_metadata(self) -> bool:
        """`metadata_filtering_conditions` are honoured; 1.13.3 to 1.14.0 drop them without a word."""
        return self.number >= (1, 4, 0) and not (1, 13, 3) <= self.number < (1, 14, 1)

    @property
    def lists_empty_parts(self) -> bool:
        """Records carry `[]` for no keywords, children and files, where older releases say null."""
        return self.number >= (1, 14, 2)

    @property
    def checks_segments(self) -> bool:
        """A wrong body of new segments is refused with a sentence about each field."""
        return self.is_main

    @property
    def checks_form(self) -> bool:
        """An unknown `doc_form` is refused as such, not as another one than the dataset's."""
        return self.number >= (1, 13, 0)

    @property
    def refuses_unknown_documents(self) -> bool:
        """Metadata for a document that does not exist is a 400; 1.12.1 says success."""
        return self.number >= (1, 13, 0)

    @property
    def strips_records(self) -> bool:
        """Retrieved segments come without `sign_content`."""
        return self.number >= (1, 13, 0)

    @property
    def strips_creation(self) -> bool:
        """Retrieved segments come without `created_at`, recorded on 1.14.2 only."""
        return self.strips_records and not self.is_main
