"""Letters as messages: a mail in the recipient's language with a picture, or a short text for a chat channel."""

from alerts.mail.compose import compose
from alerts.mail.picture import picture
from alerts.mail.short import short

__all__ = ["compose", "picture", "short"]
