"""settings.toml and kpis.toml as frozen values; every mistake is reported at once, with file, key and mend."""

from data.settings.durations import interval_seconds
from data.settings.load import load_settings, role_problem
from data.settings.values import Extra, Format, KindRule, Mail, Mapping, Paging, Settings, SettingsError, Source

__all__ = [
    "Extra",
    "Format",
    "KindRule",
    "Mail",
    "Mapping",
    "Paging",
    "Settings",
    "SettingsError",
    "Source",
    "interval_seconds",
    "load_settings",
    "role_problem",
]
