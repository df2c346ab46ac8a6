"""What a source's query may be: exactly one SELECT, in which `:since` can be left out on the first pull."""

from __future__ import annotations

import re
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from data.sources.chunk import SourceError

_DIALECTS = {"postgresql": "postgres", "mssql": "tsql", "mariadb": "mysql"}
_SINCE = re.compile(r"(?<![:\w\\]):since\b(?!:)")
_OTHER_COLON = re.compile(r"(?<![:\w\\]):(?!since\b)(?=\w)")
_STARTS = {TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.FROM}
_FORBIDDEN: dict[type[exp.Expression], str] = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
    exp.Merge: "MERGE",
    exp.Create: "CREATE",
    exp.Drop: "DROP",
    exp.Alter: "ALTER",
    exp.TruncateTable: "TRUNCATE",
    exp.Into: "SELECT INTO",
    exp.Lock: "a row lock",
    exp.Command: "a command",
    exp.Copy: "COPY",
    exp.Attach: "ATTACH",
    exp.Detach: "DETACH",
    exp.Pragma: "PRAGMA",
    exp.Set: "SET",
    exp.Transaction: "BEGIN",
}


def dialect(url: str) -> str | None:
    """Return sqlglot's name for the SQL of a database address, or None for the common ground of all."""
    backend = url.partition("://")[0].partition("+")[0].lower()
    name = _DIALECTS.get(backend, backend)
    return name if name in sqlglot.Dialects.__members__.values() else None


def query_problem(query: str, url: str) -> str | None:
    """Return None if the query is exactly one SELECT (WITH and UNION too) that changes nothing, else a sentence."""
    try:
        return _problem(query, dialect(url))
    except SqlglotError as error:
        reason = " ".join(re.sub(r"\x1b\[\d+m", "", str(error)).split())[:200]
        return f"the query cannot be read as SQL: {reason}"
    except RecursionError:
        return "the query is nested too deeply; make it simpler"


def _problem(query: str, read: str | None) -> str | None:
    tokens = sqlglot.tokenize(query, read=read)
    if not tokens:
        return "the query is empty; write one SELECT"
    # Asked before parsing, which logs what it does not know.
    if tokens[0].token_type not in _STARTS:
        return f"the query starts with {tokens[0].text.upper()[:30]}; write one SELECT"
    statements = [tree for tree in sqlglot.parse(query, read=read) if not isinstance(tree, exp.Semicolon | None)]
    if len(statements) != 1:
        return f"the query holds {len(statements)} statements; write one SELECT"
    tree = statements[0]
    if not isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery):
        return f"the query is no SELECT but {tree.key.upper()}; write one SELECT"
    for node in tree.walk():
        forbidden = next((name for kind, name in _FORBIDDEN.items() if isinstance(node, kind)), None)
        if forbidden is not None:
            return f"the query holds {forbidden}; a source may only read, so write one SELECT without it"
    return None


def uses_since(query: str) -> bool:
    return _SINCE.search(query) is not None


def bound(query: str, marker: str) -> str:
    """Return the query with `marker` for `:since`, and its other colons kept from being read as parameters."""
    return _SINCE.sub(marker, query) if marker != ":since" else _OTHER_COLON.sub(r"\\:", query)


def without_since(query: str, read: str | None) -> str:
    """Return the query for the first pull: each innermost condition on `:since` is left open.

    Under a NOT that is FALSE, as NOT FALSE leaves the condition open, and elsewhere TRUE.
    """
    tree = sqlglot.parse_one(query, read=read)
    while (marker := _marker(tree)) is not None:
        _open(marker)
    return tree.sql(dialect=read, comments=False)


def _marker(tree: Any) -> Any:
    return next((node for node in tree.find_all(exp.Placeholder) if str(node.this) == "since"), None)


def _open(marker: Any) -> None:
    condition = marker.find_ancestor(exp.Predicate, exp.Query)
    if condition is None or isinstance(condition, exp.Query):
        marker.replace(exp.null())
        return
    denied, above = False, condition.parent
    while above is not None and not isinstance(above, exp.Query):
        denied ^= isinstance(above, exp.Not)
        above = above.parent
    condition.replace(exp.false() if denied else exp.true())


def with_absolute_files(query: str, folder: str) -> str:
    """Return DuckDB's query with its relative files placed in `folder`: after FROM and JOIN, and in table functions.

    The sandbox refuses relative paths, which DuckDB would seek in the process's own folder.
    """
    pieces: list[str] = []
    reads: list[int] = []
    done, depth = 0, 0
    before = None
    for token in sqlglot.tokenize(query, read="duckdb"):
        kind = token.token_type
        if kind == TokenType.L_PAREN:
            depth += 1
            if before is not None and _READS_FILES.fullmatch(before.text):
                reads.append(depth)
        elif kind == TokenType.R_PAREN:
            reads = [other for other in reads if other != depth]
            depth -= 1
        elif kind == TokenType.COMMA and reads and reads[-1] == depth:
            reads.pop()  # options follow; the commas of a list of files stand in brackets
        elif kind in {TokenType.L_BRACKET, TokenType.R_BRACKET}:
            depth += 1 if kind == TokenType.L_BRACKET else -1
        follows = before is not None and before.token_type in {TokenType.FROM, TokenType.JOIN}
        is_file = (kind == TokenType.STRING and (reads or follows)) or (
            kind == TokenType.IDENTIFIER and follows and _FILE.search(token.text) is not None
        )
        if is_file and not _ABSOLUTE.match(token.text):
            quote = "'" if kind == TokenType.STRING else '"'
            path = f"{folder}/{token.text}".replace(quote, quote * 2)
            pieces += [query[done : token.start], quote, path, quote]
            done = token.end + 1
        before = token
    return "".join([*pieces, query[done:]])


_READS_FILES = re.compile(r"(?i)(read|sniff)_\w+|\w+_scan|glob|parquet_\w+")
_FILE = re.compile(r"(?i)\.(csv|tsv|txt|parquet|json|jsonl|ndjson|gz|zst)$")
_ABSOLUTE = re.compile(r"/|\w+://|[A-Za-z]:[\\/]")


def check_query(query: str | None, url: str | None, name: str) -> tuple[str, str]:
    """Return the query and address of a source. Raises SourceError if it has none, or one that may not run."""
    if not query or not url:
        raise SourceError(f"source {name}: set url and query")
    if problem := query_problem(query, url):
        raise SourceError(f"source {name}: {problem}")
    return query, url
