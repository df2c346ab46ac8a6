"""A real SMTP server on the loopback that refuses, delays and drops as it is told."""

import asyncio
import socket
from collections import Counter, defaultdict
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

DROP = "drop"
"""Told to say this, the server breaks the connection off."""
OK = "250 OK"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class _Session(SMTP):
    """aiosmtpd's server, but for what it is told to say at the greeting and at DATA."""

    greeted = False

    async def push(self, status):
        if not self.greeted:
            self.greeted = True
            self.event_handler.connections += 1
            self.event_handler.open.add(self)
            status = await self.event_handler.answer("greeting", "", self) or status
        await super().push(status)

    def connection_lost(self, error):
        self.event_handler.open.discard(self)
        super().connection_lost(error)

    async def smtp_DATA(self, arg):  # noqa: N802
        said = await self.event_handler.answer("DATA", ",".join(self.envelope.rcpt_tos), self)
        if said is None:
            await super().smtp_DATA(arg)
        elif said == "354":  # takes the beginning of the mail and is gone
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
        else:
            await self.push(said)


class _Handler:
    """What is told to `say`: per step and address ("" for all) the answers to the next times, None for the usual one."""

    def __init__(self):
        self.say = defaultdict(list)
        self.mails, self.verbs, self.connections, self.open = [], Counter(), 0, set()

    async def answer(self, step, address, server):
        self.verbs[step] += 1
        waiting = self.say[step, address] or self.say[step, ""]
        said = waiting.pop(0) if waiting else None
        if isinstance(said, float):
            await asyncio.sleep(said)
            return None
        if said == DROP:
            server.transport.abort()
            return "421 gone"
        return said

    async def handle_NOOP(self, server, *_):  # noqa: N802  # as aiosmtpd calls it, and so below
        return await self.answer("NOOP", "", server) or OK

    async def handle_MAIL(self, server, _, envelope, address, *__):  # noqa: N802
        said = await self.answer("MAIL", "", server)
        if said is None:
            envelope.mail_from = address
        return said or OK

    async def handle_RCPT(self, server, _, envelope, address, *__):  # noqa: N802
        said = await self.answer("RCPT", address, server)
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or OK

    async def handle_DATA(self, server, _, envelope):  # noqa: N802
        (address,) = envelope.rcpt_tos  # one mail for each recipient
        said = await self.answer("end", address, server)
        if said is None or said.startswith(("2", "421")):  # dropped after it was taken
            self.mails.append((address, envelope.original_content))
        return said or OK


class MailServer:
    """Runs in a thread; may be stopped, and started again on the same port."""

    def __init__(self, *, implicit_tls=None, **options):
        self.port, self.options, self.implicit_tls = free_port(), options, implicit_tls
        self.handler = _Handler()
        self._running = None

    def start(self):
        options = self.options

        class Running(Controller):
            def factory(self):
                return _Session(self.handler, **options)

        self._running = Running(self.handler, hostname="127.0.0.1", port=self.port, ssl_context=self.implicit_tls)
        self._running.start()
        self.handler.connections = 0  # the controller tries the line itself
        self.handler.verbs.clear()
        return self

    def stop(self):
        if self._running is not None:
            asyncio.run_coroutine_threadsafe(self._hang_up(), self._running.loop).result(5)
            self._running.stop()
            self._running = None

    async def _hang_up(self):
        while self.handler.open:
            for session in list(self.handler.open):
                session.transport.abort()
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)  # their tasks end

    @property
    def say(self):
        return self.handler.say

    @property
    def connections(self):
        return self.handler.connections

    @property
    def raw(self):
        return list(self.handler.mails)

    @property
    def mails(self):
        """Give what was taken: (recipient, parsed mail)."""
        return [(to, message_from_bytes(raw, policy=policy.default)) for to, raw in self.handler.mails]

    def ids(self, to):
        return [mail["Message-ID"] for address, mail in self.mails if address == to]
