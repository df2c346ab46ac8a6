"""Screens: televisions that are paired, and those that ask to be."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "screens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token", sa.String(64), nullable=False, unique=True),
        sa.Column("showing", sa.Text, nullable=False),
        sa.Column("paired_at", sa.DateTime, nullable=False),
        sa.Column("revoked_at", sa.DateTime),
        sa.Column("beat_at", sa.DateTime),
        sa.Column("version", sa.Integer),
        sa.Column("feed", sa.String(20)),
        sa.Column("size", sa.String(20)),
        sa.Column("agent", sa.Text, nullable=False),
    )
    op.create_table(
        "pairings",
        sa.Column("code", sa.String(12), primary_key=True),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
    )
    op.create_index("pairings_of", "pairings", ["token"])
