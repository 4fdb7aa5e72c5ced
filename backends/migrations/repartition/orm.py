"""The chunks table and its parents as SQLAlchemy models: what an application would read and write them with."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, FetchedValue, ForeignKey, Integer, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Collection(Base):
    __tablename__ = "collections"

    id: Mapped[str] = mapped_column(String, primary_key=True)


class Document(Base):
    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(String, primary_key=True)


class ChunkingConfig(Base):
    __tablename__ = "chunking_configs"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)


class Chunk(Base):
    """A chunk by its composite key, of which the table computes the last part unless it is named.

    The document has no foreign key in the database; its row may be missing.
    """

    __tablename__ = "chunks"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True)
    partition_key: Mapped[int] = mapped_column(Integer, FetchedValue(), primary_key=True)
    document_id: Mapped[str | None] = mapped_column(String)
    chunking_config_id: Mapped[int | None] = mapped_column(ForeignKey("chunking_configs.id"))
    chunk_index: Mapped[int] = mapped_column(Integer)
    content: Mapped[str] = mapped_column(Text)
    start_offset: Mapped[int | None] = mapped_column(Integer)
    end_offset: Mapped[int | None] = mapped_column(Integer)
    token_count: Mapped[int | None] = mapped_column(Integer)
    embedding_vector_id: Mapped[str | None] = mapped_column(String)
    meta: Mapped[Any | None] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    collection: Mapped[Collection] = relationship()
    document: Mapped[Document | None] = relationship(
        primaryjoin="foreign(Chunk.document_id) == Document.id", viewonly=True
    )
    config: Mapped[ChunkingConfig | None] = relationship()
