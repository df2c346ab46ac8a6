"""Loads on demand, each in a fork of this process, so that a trial does not wait for the imports.

The first line of stdin names a folder to load here, so that what is only imported at need is imported before the first
fork; the warehouse is closed then, and its threads with it. Every further line is {"folder", "boundary": [name, how often] or null}; the answers are {"pid"} and, when it ended,
{"status", "seconds", "seen": [boundaries]}.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

# all that a load needs, imported before the first fork
import data.commands  # noqa: F401  # a command imports it
from data.loaders import Loader
from data.session import Session
from data.settings import load_settings

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def load(folder, boundary):
    seen = Counter()

    def pass_by(name):
        seen[name] += 1
        if boundary and name == boundary[0] and seen[name] == boundary[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    session = Session.open(load_settings(folder / "settings.toml", {}), lambda: NOW)
    loader = Loader(session.warehouse, session.settings.sources, session.clock, pass_by)
    errors = [loaded.error for loaded in map(loader.load, session.settings.sources) if loaded.error]
    session.close()
    (folder / "seen.json").write_text(json.dumps({"seen": seen, "errors": errors}))


def main():
    load(Path(sys.stdin.readline().strip()), None)
    for line in sys.stdin:
        request = json.loads(line)
        started = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            try:
                load(Path(request["folder"]), request["boundary"])
            except BaseException as error:  # the parent's loop must not run on in the child
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                os._exit(1)
            os._exit(0)
        sys.stdout.write(json.dumps({"pid": pid}) + "\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        ended = {"status": os.waitstatus_to_exitcode(status), "seconds": time.perf_counter() - started}
        sys.stdout.write(json.dumps(ended) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
