"""Readers: files in every supported format and database queries, as chunks of rows with their place."""

from data.sources.chunk import Chunk, SourceError, Unreadable
from data.sources.files import FileMark, PendingFile, columns, pending
from data.sources.sql import SqlPull, query_problem

__all__ = [
    "Chunk",
    "FileMark",
    "PendingFile",
    "SourceError",
    "SqlPull",
    "Unreadable",
    "columns",
    "pending",
    "query_problem",
]
