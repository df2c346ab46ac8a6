"""The edge in: every line that touches a source, the warehouse or the store."""

import os

# pandera sets this to 1 when it is imported, for Spark's sake, and pyarrow then drops the zones of Python's datetimes:
# a partner's 12:00+02:00 would be stored as 12:00 UTC
os.environ.setdefault("PYARROW_IGNORE_TIMEZONE", "")
