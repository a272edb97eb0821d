"""A client of the Admin API over one connection that stays open, and a probe of what is live."""

import http.client
import json
import socket
import time


class Admin:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method, path, body=None, raw=None):
        """Sends JSON and returns the answer's JSON; milliseconds since the call are in `took`."""
        data = raw if raw is not None else json.dumps(body) if body is not None else None
        begin = time.perf_counter()
        self.connection.request(method, path, data, {"Content-Type": "application/json"} if data is not None else {})
        answer = self.connection.getresponse()
        text = answer.read()
        self.took = (time.perf_counter() - begin) * 1000
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text and raw is None else None


class Probe:
    """Asks the proxy whether a path is routed."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def status(self, path, host="any.test"):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head[9:12])
