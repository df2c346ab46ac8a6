"""Readers: files in every supported format, database queries, web APIs and pushes, as chunks of rows with their place."""

from data.sources.chunk import Chunk, SourceError, Unreadable
from data.sources.files import FileMark, PendingFile, columns, pending
from data.sources.push import Delivery
from data.sources.sql import SqlPull, query_problem

__all__ = [
    "Chunk",
    "Delivery",
    "FileMark",
    "PendingFile",
    "SourceError",
    "SqlPull",
    "Unreadable",
    "columns",
    "pending",
    "query_problem",
]
