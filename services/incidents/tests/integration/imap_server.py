"""A small IMAP server on loopback, over TLS: enough of RFC 3501 for a client that looks and touches nothing."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class ImapMailbox:
    """A mailbox: messages by UID with the instant at which the server had them. What clients said is in `heard`."""

    password: str = "correct horse"
    uid_validity: int = 7
    messages: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    port: int = 0

    def deliver(self, raw: bytes, received: str = "08-Jun-2026 09:00:00 +0000") -> int:
        uid = max(self.messages, default=0) + 1
        self.messages[uid] = (received, raw)
        return uid

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        try:
            while line := (await reader.readline()).decode().strip():
                self.heard.append(line)
                tag, _, command = line.partition(" ")
                done = self._answer(command, writer)
                writer.write(f"{tag} {done}\r\n".encode())
                await writer.drain()
                if command == "LOGOUT":
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, command: str, writer: asyncio.StreamWriter) -> str:
        if command == "CAPABILITY":
            writer.write(b"* CAPABILITY IMAP4rev1\r\n")
        elif command.startswith("LOGIN") and self.password not in command:
            return "NO [AUTHENTICATIONFAILED] no"
        elif command.startswith("EXAMINE"):
            writer.write(f"* {len(self.messages)} EXISTS\r\n* OK [UIDVALIDITY {self.uid_validity}] ok\r\n".encode())
            return "OK [READ-ONLY] done"
        elif command.startswith("UID SEARCH"):
            found = re.search(r"UID (\d+):\*", command[10:])
            first = int(found.group(1)) if found else 1
            uids = [uid for uid in self.messages if uid >= first] or list(self.messages)[-1:]
            writer.write(f"* SEARCH {' '.join(map(str, uids))}\r\n".encode())
        elif fetch := re.match(r"UID FETCH (\d+) (.*)", command):
            uid = int(fetch.group(1))
            received, raw = self.messages[uid]
            if "BODY.PEEK[]" in fetch.group(2):
                writer.write(f"* {uid} FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n")
            else:
                told = f'UID {uid} INTERNALDATE "{received}" RFC822.SIZE {len(raw)}'
                writer.write(f"* {uid} FETCH ({told})\r\n".encode())
        elif command == "LOGOUT":
            writer.write(b"* BYE\r\n")
        elif not command.startswith(("LOGIN", "NOOP")):
            return "BAD what?"
        return "OK done"


@asynccontextmanager
async def imap_server(context: ssl.SSLContext) -> AsyncIterator[ImapMailbox]:
    """A mailbox behind a TLS port of this machine."""
    mailbox = ImapMailbox()
    server = await asyncio.start_server(mailbox.talk, "127.0.0.1", 0, ssl=context)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
