"""How documents are stored, as fields of the adapters' classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, field_validator, model_validator
from typing_extensions import Self

from ..models.datasets import DocForm, IndexingTechnique
from ..models.indexing import ProcessRule
from .indexing import refuse_taken, refuse_unfit
from .storing import Store

if TYPE_CHECKING:
    from .clients import Clients


class StoreFields(BaseModel):
    """What a class that puts documents into a knowledge base can be told."""

    metadata_fields: list[str] = Field(
        default_factory=list, description="Metadata that becomes fields of the knowledge base, to filter by: texts and numbers."
    )
    process_rule: ProcessRule | None = Field(default=None, description="How texts are cut; without one each is a chunk.")
    doc_form: DocForm | None = Field(default=None, description="The knowledge base's, where it is not `text_model`.")
    indexing_technique: IndexingTechnique | None = Field(default=None, description="For a knowledge base without documents.")
    wait: bool = Field(default=True, description="Whether to wait until the documents can be found.")
    indexing_timeout_s: float | None = Field(default=600.0, description="Seconds to wait at most, for all put in at once.")
    indexing_poll_s: float = Field(default=1.0, description="Seconds between the first two looks; later ones are rarer.")

    @field_validator("metadata_fields")
    @classmethod
    def _are_free(cls, names: list[str]) -> list[str]:
        refuse_taken(names)
        return names

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_unfit(self.process_rule, self.doc_form)
        return self

    def _store_in(self, clients: Clients, dataset_id: str) -> Store:
        return Store(
            clients,
            dataset_id,
            metadata_fields=tuple(self.metadata_fields),
            process_rule=self.process_rule,
            doc_form=self.doc_form,
            indexing_technique=self.indexing_technique,
            timeout_s=self.indexing_timeout_s,
            poll_s=self.indexing_poll_s,
        )
