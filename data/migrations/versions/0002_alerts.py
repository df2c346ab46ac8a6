"""Alerts: episodes, states, transitions, notices, letters and what people chose."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "episodes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kpi", sa.String(200), nullable=False),
        sa.Column("slice", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("value", sa.String(20), nullable=False),
        sa.Column("opened_at", sa.DateTime, nullable=False),
        sa.Column("closed_at", sa.DateTime),
        sa.Column("acknowledged_at", sa.DateTime),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("snoozed_until", sa.DateTime),
        sa.Column("unstable", sa.Boolean, nullable=False),
        sa.Column("told_pain", sa.Float, nullable=False),
        sa.Column("worst_pain", sa.Float, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("inherited", sa.LargeBinary, nullable=False),
        sa.Column("reading", sa.LargeBinary, nullable=False),
    )
    op.create_index("episodes_open", "episodes", ["closed_at"])
    op.create_index("episodes_of", "episodes", ["kpi", "slice"])
    op.create_table(
        "alert_states",
        sa.Column("kpi", sa.String(200), primary_key=True),
        sa.Column("slice", sa.Text, primary_key=True),
        sa.Column("value", sa.String(20), nullable=False),
        sa.Column("health", sa.String(20), nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
        sa.Column("turns", sa.LargeBinary, nullable=False),
        sa.Column("episode", sa.Integer, sa.ForeignKey("episodes.id")),
    )
    op.create_table(
        "transitions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("episode", sa.Integer, sa.ForeignKey("episodes.id")),
        sa.Column("kpi", sa.String(200), nullable=False),
        sa.Column("slice", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("axis", sa.String(20), nullable=False),
        sa.Column("before", sa.String(40), nullable=False),
        sa.Column("after", sa.String(40), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text),
        sa.Column("version", sa.Integer),
    )
    op.create_index("ix_transitions_episode", "transitions", ["episode"])
    op.create_table(
        "letters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("message_id", sa.String(200), nullable=False, unique=True),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("digest", sa.Boolean, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("not_before", sa.DateTime, nullable=False),
        sa.Column("give_up_at", sa.DateTime, nullable=False),
        sa.Column("lease_until", sa.DateTime),
        sa.Column("lease_by", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("done_at", sa.DateTime),
        sa.Column("said", sa.Text, nullable=False),
    )
    op.create_index("letters_due", "letters", ["status", "not_before"])
    op.create_index("letters_to", "letters", ["recipient", "created_at"])
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(400), nullable=False, unique=True),
        sa.Column("episode", sa.Integer, sa.ForeignKey("episodes.id"), nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("not_before", sa.DateTime, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("held", sa.Text, nullable=False),
        sa.Column("story", sa.LargeBinary, nullable=False),
        sa.Column("letter", sa.Integer, sa.ForeignKey("letters.id")),
    )
    op.create_index("notices_due", "notices", ["status", "not_before"])
    op.create_index("notices_of", "notices", ["episode"])
    op.create_index("notices_in", "notices", ["letter"])
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("letter", sa.Integer, sa.ForeignKey("letters.id"), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("code", sa.Integer),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_index("ix_attempts_letter", "attempts", ["letter"])
    op.create_table(
        "silences",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("match", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("begins", sa.DateTime, nullable=False),
        sa.Column("ends", sa.DateTime, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "preferences",
        sa.Column("recipient", sa.String(400), primary_key=True),
        sa.Column("language", sa.Text),
        sa.Column("timezone", sa.Text),
        sa.Column("quiet", sa.Text),
        sa.Column("pain_above", sa.Float),
        sa.Column("stopped_at", sa.DateTime),
        sa.Column("changed_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "used_tokens",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("verb", sa.String(20), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "pulses",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
    )
    op.create_table(
        "secrets", sa.Column("name", sa.String(40), primary_key=True), sa.Column("value", sa.Text, nullable=False)
    )
