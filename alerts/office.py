"""The office of one network's alerts: joins recorder, desk and dispatchers around one store."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alerts.composer import Composer
from alerts.desk import Desk, Refusal, RefusedError
from alerts.dispatcher import Dispatcher, own_name
from alerts.recorder import Recorder
from alerts.tokens import Signer
from alerts.transports import Chat

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Engine

    from alerts.transports import Transport
    from analytics.routing import Alerting


@dataclass
class Office:
    """Everything that alerts need. `mail` makes the way for mails, one for each dispatcher; None where no server is set."""

    engine: Engine
    alerting: Alerting
    network: str
    sender: str
    public_url: str | None
    clock: Callable[[], datetime]
    mail: Callable[[], Transport] | None
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self.engine.begin() as con:
            self.signer = Signer.of(con)
        self.recorder = Recorder(self.alerting)

    def desk(self, refused: Refusal = RefusedError) -> Desk:
        """Give the desk; `refused` is what it raises where something cannot be done."""
        return Desk(self.engine, self.alerting, self.clock, self.signer, refused)

    def dispatcher(self) -> Dispatcher:
        composer = Composer(
            self.alerting,
            self.signer,
            self.network,
            self.sender,
            self.public_url.rstrip("/") if self.public_url else None,
            own_name(),
            self.mail is not None,
        )
        return Dispatcher(self.engine, composer, self.mail() if self.mail else None, Chat(), self.clock)

    def start(self) -> None:
        """Start a dispatcher in a thread of its own."""
        thread = threading.Thread(target=lambda: self.dispatcher().run(self._stop), name="dispatcher", daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Let what is being sent end, then stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
