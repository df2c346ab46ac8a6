"""The warehouse's tables: their columns and types, and the expressions that fold facts from the logs."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import ibis

from analytics.fold import IDENTITY, event_columns, fact_columns, fold, statement_columns, told_when
from analytics.measure import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb
    import ibis.expr.types as ir

    from analytics.fold import FoldPlan
    from data.generations import Generation

SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp(6)": "TIMESTAMP",
    IDENTITY: "UHUGEINT",
    "date": "DATE",
}


def naive(moment: datetime) -> datetime:
    """Give an aware moment as the warehouse keeps it: UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def among_sql(by: Sequence[str], count: int) -> str:
    """Write the test whether a row lies in one of `count` slices, each bound as `measure.slice_text` writes it."""
    text = f" || '{SEPARATOR}' || ".join(f'"{column}"::VARCHAR' for column in by)
    return f"{text} IN ({', '.join('?' * count) or 'NULL'})"


def recoded(sql: str, types: Mapping[str, str]) -> str:
    """Let a query give some of its columns of texts as types of their own."""
    codes = ", ".join(f"{column}::{type_} AS {column}" for column, type_ in types.items())
    return f"SELECT * REPLACE ({codes}) FROM ({sql})" if codes else sql


def has_rows(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return con.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None


def plan_key(plan: FoldPlan) -> Any:
    told = tuple(sorted(plan.told or ()))
    return plan.fact.name, tuple(plan.extras.items()), tuple(sorted(plan.known.items())), plan.single, told


def tables_of(plan: FoldPlan) -> dict[str, dict[str, str]]:
    name = plan.fact.name
    tables = {f"{name}_statements": statement_columns(plan), name: fact_columns(plan)}
    return tables if plan.fact.snapshot else tables | {f"{name}_events": event_columns(plan)}


def ddl(columns: dict[str, str]) -> str:
    return ", ".join(f'"{name}" {SQL_TYPES[type_]}' for name, type_ in columns.items())


def fold_expression(
    plan: FoldPlan, active: Sequence[Generation], moment: Any, batch: int | None, touched: str | None
) -> ir.Table:
    name = plan.fact.name
    statements = ibis.table(statement_columns(plan), name=f"{name}_statements")
    events = None if plan.fact.snapshot else ibis.table(event_columns(plan), name=f"{name}_events")
    narrowed = [_narrow(table, active, batch, touched) for table in (statements, events) if table is not None]
    return fold(plan, narrowed[0], narrowed[1] if len(narrowed) > 1 else None, moment)


def log_expression(
    plan: FoldPlan, active: Sequence[Generation], moment: Any, batch: int, touched: str | None
) -> ir.Table:
    statements = ibis.table(statement_columns(plan), name=f"{plan.fact.name}_statements")
    events = ibis.table(event_columns(plan), name=f"{plan.fact.name}_events")
    narrowed = [_narrow(table, active, batch, touched) for table in (statements, events)]
    return told_when(plan, narrowed[0], narrowed[1], moment)


def _narrow(table: ir.Table, active: Sequence[Generation], batch: int | None, touched: str | None) -> ir.Table:
    table = table.filter(ibis.or_(*[(table.source == g.source) & (table.generation == g.number) for g in active]))
    if batch is not None:
        table = table.filter(table.batch <= batch)
    if touched is not None:
        table = table.semi_join(ibis.table({"key": "string"}, name=touched), "key")
    return table
