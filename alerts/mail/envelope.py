"""The header of a mail: who, about what, in which thread, and how to stop it. Nothing foreign can add a line to it."""

from __future__ import annotations

from email.header import Header
from email.headerregistry import Address
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from alerts.mail.content import ordered, web
from analytics.speech.words import LONGEST_NAME, clean, cut

if TYPE_CHECKING:
    from email.message import EmailMessage

    from alerts.letter import Letter

MOST_REFERENCES = 20
_VERBATIM = ("references", "in-reply-to", "message-id", "list-id", "list-unsubscribe")


class _Policy(EmailPolicy):
    """The policy of SMTP, which folds ids and addresses of the web between them only.

    Python would write those longer than a line as encoded words (RFC 2047), which no mail program decodes there. Of subjects it
    would lose or double spaces where encoded words and plain ones meet.
    """

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in _VERBATIM:
            return f"{name}: " + f"{self.linesep} ".join(str(value).split()) + self.linesep
        if name.lower() == "subject" and not self.utf8:
            return f"{name}: {_encoded(name, str(value), self.linesep)}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in (*_VERBATIM, "subject"):
            return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii")
        return bytes(super().fold_binary(name, value))


def _encoded(name: str, text: str, linesep: str) -> str:
    """Write a subject in plain ASCII, folded between words, or all of it in encoded words."""
    return Header(text, None if text.isascii() else "utf-8", maxlinelen=76, header_name=name).encode(linesep=linesep)


_ASCII, _UTF8 = _Policy(linesep="\r\n"), _Policy(linesep="\r\n", utf8=True)


def policy(letter: Letter) -> EmailPolicy:
    """Give the policy that can write the addresses of a letter."""
    both = (_mailbox(letter.sender), _mailbox(letter.recipient.address, letter.recipient.name))
    return _ASCII if all(each.addr_spec.isascii() for each in both) else _UTF8


def address(message: EmailMessage, letter: Letter, subject: str) -> None:
    """Write the header."""
    message["From"] = _mailbox(letter.sender)
    message["To"] = _mailbox(letter.recipient.address, letter.recipient.name)
    message["Subject"] = clean(subject)
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = _id(letter.message_id)
    _thread(message, letter)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply, RN, NRN"
    message["List-Id"] = _list(letter)
    if web(letter.unsubscribe):
        message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _thread(message: EmailMessage, letter: Letter) -> None:
    """Join the threads of the first mails that the recipient really got of these episodes."""
    references = [[_id(each) for each in notice.references] for notice in ordered(letter) if notice.references]
    if references:
        message["In-Reply-To"] = " ".join(list(dict.fromkeys(ids[0] for ids in references))[:MOST_REFERENCES])
        firsts_before_others = [*(ids[0] for ids in references), *(each for ids in references for each in ids[1:])]
        message["References"] = " ".join(list(dict.fromkeys(firsts_before_others))[:MOST_REFERENCES])


def _id(text: str) -> str:
    """Give a message id with its angle brackets, of which no part can be anything else."""
    inner = "".join(c for c in text if c.isascii() and c.isprintable() and c not in " <>")
    return f"<{inner}>"


def _list(letter: Letter) -> str:
    """Name the list that filters sort by, by the host of the board or of the sender."""
    host = urlsplit(web(letter.board_url)).hostname or _mailbox(letter.sender).domain
    return f"<alerts.{''.join(c for c in _ascii_host(host) if c.isalnum() or c in '.-')}>"


def _mailbox(written: str, name: str = "") -> Address:
    """Read an address ("Painpoint <painpoint@example.com>" or the bare one); ValueError where it is none."""
    if any(ord(c) < 32 or ord(c) == 127 for c in written):
        raise ValueError(f"{written!r} is no mail address: it has control characters.")
    said, bare = _parts(written)
    local, at, host = bare.rpartition("@")
    if not (local and at and host) or " " in bare:
        raise ValueError(f"{written!r} is no mail address.")
    shown = cut(clean(said or name), LONGEST_NAME)
    shown = "" if shown == bare else shown
    if local.isascii():
        return Address(shown, addr_spec=f"{local}@{_ascii_host(host)}")
    return Address(shown, username=local, domain=_ascii_host(host))


def _parts(written: str) -> tuple[str, str]:
    """Part a name from its address, also where the name has commas that nobody quoted."""
    if written.rstrip().endswith(">"):
        name, _, bare = written.rstrip()[:-1].rpartition("<")
        return parseaddr(f"{name} <a@b>")[0] or name.strip().strip('"'), bare.strip()
    return "", written.strip()


def _ascii_host(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"{host!r} is no host of a mail address.") from None
