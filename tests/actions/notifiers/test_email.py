from __future__ import annotations

import asyncio
import email
import time
from email.message import EmailMessage
from email.policy import default as default_policy
from typing import Any

import pytest
from pydantic import ValidationError

from actions.base import DeliveryError
from actions.notifiers import email as notifier
from recuo.values import Secret
from tests.actions.notifiers.peers import LOOPBACK, authority, silent_peer, smtp_peer
from tests.daemon.paging_kit import context, message

PASSWORD = "korrekt-horse-battery"


def config(**fields: Any) -> notifier.Config:
    return notifier.Config.model_validate(
        {"kind": "email", "host": LOOPBACK, "security": "none", "to": ["team@example.org"], "timeout": "2s", **fields}
    )


def deliver(tmp_path, *, to: str = "", peer: dict[str, Any] | None = None, text=None, **fields: Any):
    """Send one message to a real server; what it took, and what the notifier answered."""

    async def run():
        async with smtp_peer(**(peer or {})) as server:
            answer = await notifier.send(
                config(port=server.port, **fields), text or message(), to, context("team-mail", tmp_path)
            )
            return server.mails, answer

    return asyncio.run(run())


def refused(tmp_path, *, peer: dict[str, Any] | None = None, **fields: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(tmp_path, peer=peer, **fields)
    return caught.value


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=default_policy)


def test_a_page_arrives_as_text_and_html_with_the_headers_that_mail_programs_go_by(tmp_path):
    """Subject, date, Message-ID, Auto-Submitted, priority, reply address and both forms of the body are there."""
    [mail], answer = deliver(tmp_path, reply_to="team@example.org", sender="recuo@example.org")
    found = parsed(mail.content)
    assert (mail.sender, mail.recipients) == ("recuo@example.org", ["team@example.org"])
    assert found["Subject"] == "[crítico] VocalCoach AI production: cpu-high"
    assert found["From"] == "Recuo <recuo@example.org>"
    assert found["Reply-To"] == "team@example.org"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["X-Priority"].startswith("1")
    assert found["Date"].datetime.timestamp() == message().at // 1000
    assert found["Message-ID"] == answer.id
    assert found["Message-ID"].startswith("<page-1.") and found["Message-ID"].endswith("@example.org>")
    plain, html = found.get_body(("plain",)), found.get_body(("html",))
    assert plain and "Um novo incidente." in plain.get_content()
    assert html and "<p>Um novo incidente.</p>" in html.get_content()


def test_the_message_id_is_the_same_on_every_attempt_and_differs_between_addresses(tmp_path):
    """The same key to the same address is the same message; to another address it is another one."""
    ids = [deliver(tmp_path, to=to)[1].id for to in ("ana@example.org", "ana@example.org", "rui@example.org")]
    assert ids[0] == ids[1] != ids[2]


def test_a_contact_is_written_to_in_place_of_the_receivers_own_addresses(tmp_path):
    """An address that is given goes before `to`, and a domain with accents goes out by IDNA."""
    [mail], _ = deliver(tmp_path, to="ana@bücher.example")
    assert mail.recipients == ["ana@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "title", ["a\r\nBcc: all@example.org", "a\nX: y", "a\x00\x1b[31mb", "ção " * 200, "\u2028x\u2029"]
)
def test_a_title_never_becomes_a_header_of_its_own(tmp_path, title):
    """Line ends and control characters in a title end up inside the subject, on one line."""
    [mail], _ = deliver(tmp_path, text=message(title=title))
    found = parsed(mail.content)
    assert found["Bcc"] is None and found["X"] is None
    assert mail.recipients == ["team@example.org"]
    assert len(found.get_all("Subject", [])) == 1
    assert len(found["Subject"]) <= 250


def test_a_line_that_is_a_full_stop_does_not_end_the_message(tmp_path):
    """Text with a lone full stop and a fake command arrives whole (RFC 5321, 4.5.2)."""
    [mail], _ = deliver(tmp_path, text=message(text="before\n.\nMAIL FROM:<x@y.z>\nafter\n"))
    body = parsed(mail.content).get_body(("plain",))
    assert body and body.get_content().splitlines() == ["before", ".", "MAIL FROM:<x@y.z>", "after"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_login_happens_over_an_encrypted_connection_only(tmp_path, security):
    """STARTTLS and TLS both encrypt before the password goes out; the certificate is checked against ca_file."""
    trusted = authority(tmp_path)
    peer = {"security": security, "tls": trusted.server, "password": PASSWORD}
    fields = {"security": security, "ca_file": str(trusted.file), "username": "recuo@example.org"}
    [mail], _ = deliver(tmp_path, peer=peer, password=Secret(PASSWORD), **fields)
    assert mail.encrypted
    assert mail.user == "recuo@example.org"
    assert mail.sender == "recuo@example.org"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_is_said_in_words_and_tried_again(tmp_path, security):
    """An unknown authority stops the delivery before anything is said, and may be repaired while the page waits."""
    peer = {"security": security, "tls": authority(tmp_path).server}
    error = refused(tmp_path, peer=peer, security=security)
    assert "certificate is not trusted" in error.reason
    assert not error.permanent


def test_a_certificate_for_another_name_is_refused(tmp_path):
    """A trusted authority does not make another host's certificate good."""
    other = authority(tmp_path, "mail.example.org")
    error = refused(tmp_path, peer={"security": "tls", "tls": other.server}, security="tls", ca_file=str(other.file))
    assert "certificate is not trusted" in error.reason


def test_a_server_without_starttls_gets_nothing_in_clear(tmp_path):
    """Where encryption is configured and not offered, it is an error that says so, and no mail."""
    error = refused(tmp_path, security="starttls")
    assert "does not offer" in error.reason
    assert error.permanent


def test_a_wrong_password_is_permanent_and_shown_nowhere(tmp_path):
    """The server repeats the password in its refusal; the error does not."""
    fields = {"username": "recuo@example.org", "password": Secret(PASSWORD[::-1])}
    error = refused(tmp_path, peer={"password": PASSWORD}, **fields)
    assert error.permanent
    assert "user name or password was refused (535)" in error.reason
    assert PASSWORD[::-1] not in error.reason + repr(error)


def test_a_server_that_wants_a_login_says_what_to_configure(tmp_path):
    """530 is told as what is missing in the configuration."""
    error = refused(tmp_path, peer={"password": PASSWORD})
    assert "set username and password" in error.reason
    assert error.permanent


@pytest.mark.parametrize(
    ("command", "reply", "permanent"),
    [
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "451 4.7.1 greylisted, try again", False),
        ("RCPT", "452 4.2.2 mailbox full", False),
        ("MAIL", "553 5.1.8 sender not allowed", True),
        ("MAIL", "421 4.3.2 shutting down", False),
        ("DATA", "554 5.7.1 looks like spam", True),
        ("DATA", "451 4.3.0 local error", False),
    ],
)
def test_codes_4xx_are_temporary_and_5xx_permanent_with_the_servers_words(tmp_path, command, reply, permanent):
    """What the server answers decides whether it is tried again, and is shown (RFC 5321, 4.2.1)."""
    error = refused(tmp_path, peer={"replies": {command: reply}})
    assert error.permanent is permanent
    assert reply[:3] in error.reason
    assert reply.split(" ", 2)[2] in error.reason


def test_one_refused_recipient_does_not_keep_the_others_from_their_page(tmp_path):
    """Some recipients are refused and others accepted: it is delivered, and says how many were refused."""

    async def run():
        async with smtp_peer(replies={"RCPT gone@example.org": "550 no such user"}) as server:
            both = config(port=server.port, to=["gone@example.org", "team@example.org"])
            answer = await notifier.send(both, message(), "", context("team-mail", tmp_path))
            return server.mails, answer

    [mail], answer = asyncio.run(run())
    assert mail.recipients == ["team@example.org"]
    assert "1 of 2 recipients refused: gone@example.org" in answer.detail


def test_a_message_that_was_taken_is_delivered_although_the_good_bye_hangs(tmp_path):
    """After 250 to DATA the message is the server's: a QUIT that is never answered makes no second copy."""

    async def talk(reader, writer):
        writer.write(b"220 hello\r\n")
        answers = {b"EHLO": b"250 me", b"MAIL": b"250 ok", b"RCPT": b"250 ok", b"DATA": b"354 go on"}
        while (line := await reader.readline()) and not line.startswith(b"QUIT"):
            writer.write(answers[line[:4]] + b"\r\n")
            if line.startswith(b"DATA"):
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 taken\r\n")
        await reader.read()

    async def run():
        async with silent_peer(talk) as port:
            return await notifier.send(config(port=port), message(), "", context("team-mail", tmp_path))

    assert asyncio.run(run()).detail == "taken"


def test_a_receiver_without_addresses_cannot_be_sent_to_by_itself(tmp_path):
    """Such a receiver speaks to people only; addressing it is a permanent error, and `destination` says so before."""
    speaker = config(to=[])
    assert notifier.destination(speaker) == ""
    with pytest.raises(DeliveryError, match="has no `to`") as caught:
        asyncio.run(notifier.send(speaker, message(), "", context("team-mail", tmp_path)))
    assert caught.value.permanent


def test_probe_logs_in_and_sends_nothing(tmp_path):
    """Asked whether it would take a page, a server is connected to, logged in to, and left without a message."""
    trusted = authority(tmp_path)

    async def run():
        async with smtp_peer(security="starttls", tls=trusted.server, password=PASSWORD) as server:
            checked = config(
                port=server.port,
                security="starttls",
                ca_file=str(trusted.file),
                username="recuo",
                password=Secret(PASSWORD),
            )
            return await notifier.probe(checked, context("team-mail", tmp_path)), server.mails

    words, mails = asyncio.run(run())
    assert "encrypted (starttls), accepts the login" in words
    assert mails == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "smtp.example.org", "security": "none"}, "in clear to smtp.example.org"),
        ({"to": ["team"]}, "team is not an e-mail address"),
        ({"to": ["a@b.c\r\nBcc: x@y.z"]}, "is not an e-mail address"),
        ({"from": "Recuo <recuo@example.org>"}, "is not an e-mail address"),
        ({"username": "recuo"}, "belong together"),
        ({"password": "secret"}, "never stands in the file"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"security": "ssl"}, "'starttls', 'tls' or 'none'"),
        ({"hots": "x"}, "Extra inputs"),
    ],
)
def test_a_wrong_receiver_is_refused_with_what_is_wrong(fields, words):
    """Each mistake in an e-mail receiver is an error that names it."""
    with pytest.raises(ValidationError, match="(?s)" + words.replace("(", r"\(")):
        config(**fields)


def test_to_another_machine_in_clear_only_when_it_is_said_to_be_meant():
    """`insecure: true` allows security: none beyond loopback."""
    assert config(host="10.0.0.5", insecure=True).security == "none"


def test_a_page_is_handed_over_in_much_less_than_a_tenth_of_a_second(tmp_path):
    """Twenty pages over loopback, connection and good-bye included, take well under 100 ms each on a busy machine."""

    async def run():
        async with smtp_peer() as server:
            began = time.perf_counter()
            for n in range(20):
                await notifier.send(config(port=server.port), message(f"page-{n}"), "", context("team-mail", tmp_path))
            assert len(server.mails) == 20
            return (time.perf_counter() - began) / 20

    assert asyncio.run(run()) < 0.1
