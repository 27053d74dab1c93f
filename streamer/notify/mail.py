"""E-mail: one message, by a deadline."""

import smtplib
import socket
import ssl
from contextlib import closing, suppress
from email.message import EmailMessage
from typing import Final

from retail_anomaly.notifications import Message
from streamer.notify.addresses import MailAddress
from streamer.web.deadlines import Deadline

_NAME: Final = "localhost"  # how this client greets the server; its own name concerns nobody


class MailPost:
    """Sends messages through one mail server.

    Parameters
    ----------
    address
        The server, and the addresses in the message.
    seconds
        Seconds that a message may take in all.

    Examples
    --------
    >>> address = MailAddress("127.0.0.1", 1, "none", "", "", "a@b.example", ("c@d.example",))
    >>> from retail_anomaly.notifications import AlertNote
    >>> note = AlertNote("a", 1, "SHRINKAGE", "store-1", 1_760_000_000_000, "high", "10 pieces are missing.")
    >>> MailPost(address, 2.0).send(Message("duty", "store-1", (note,)))
    Traceback (most recent call last):
    ConnectionRefusedError: [Errno 111] Connection refused
    """

    def __init__(self, address: MailAddress, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._open: smtplib.SMTP | None = None
        self._deadline = Deadline(seconds, self._break, "notify-mail")

    def end_within(self, seconds: float) -> None:
        """End each message within this time from now on. A signal handler may call it."""
        self._deadline.end_within(seconds)

    def send(self, message: Message) -> int | None:
        """Send a message; return None, or the code with which the server refused it.

        Raises
        ------
        TimeoutError
            It was not taken by the deadline.
        OSError
            There is no connection, or it fails.
        """
        return self._deadline.run(lambda: self._send(self._mail(message)))

    def _send(self, mail: EmailMessage) -> int | None:
        address, trusted = self._address, ssl.create_default_context()
        try:
            if address.tls == "from the start":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    address.host, address.port, _NAME, timeout=self._seconds, context=trusted
                )
            else:
                server = smtplib.SMTP(address.host, address.port, _NAME, timeout=self._seconds)
            self._open = server
            with closing(server):
                if address.tls == "STARTTLS":
                    server.starttls(context=trusted)
                if address.user:
                    server.login(address.user, address.password)
                server.send_message(mail, address.sender, list(address.receivers))
                with suppress(smtplib.SMTPException, OSError):  # it has the message
                    server.quit()
        except smtplib.SMTPRecipientsRefused as error:
            return max(code for code, _ in error.recipients.values())
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
        except smtplib.SMTPNotSupportedError:
            return 530  # it has no STARTTLS or no login
        finally:
            self._open = None
        return None

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.title
        mail["From"] = self._address.sender
        mail["To"] = ", ".join(self._address.receivers)
        # The same when it is sent a second time: many mail programs then show it once.
        mail["Message-ID"] = f"<{message.id}@{self._address.sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail

    def _break(self) -> bool:
        server = self._open
        sock = server.sock if server is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        return sock is not None
