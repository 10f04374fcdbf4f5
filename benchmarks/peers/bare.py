"""Answers every request with a small JSON object: a protocol of asyncio and nothing else.

It knows as much of HTTP as one client with keep-alive and Content-Length needs, so that it is about the least that an
answer costs in Python.
"""

import asyncio
import json
import sys


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.unread = b""

    def data_received(self, data):
        self.unread += data
        while (end := self.unread.find(b"\r\n\r\n")) >= 0:
            _, _, rest = self.unread[:end].lower().partition(b"\r\ncontent-length:")
            length = int(rest.split(b"\r\n", 1)[0] or b"0")
            if len(self.unread) < end + 4 + length:
                return
            self.unread = self.unread[end + 4 + length :]
            body = json.dumps({"hello": "world"}).encode()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self.transport.write(head % len(body) + body)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
