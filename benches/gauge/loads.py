"""The load: wrk for HTTP/1.1, h2load for HTTP/2 and for a fixed rate. Each run tells what the proxy used for a request."""

import dataclasses
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

from .documents import CONSUMERS, ROUTES
from .tools import find

MANY = """
local requests = {}
function init(args)
  for n = 0, %(count)d - 1 do
    requests[n + 1] = wrk.format("GET", "/api/v1/res" .. math.floor(n / 100) %% 10 .. "/items", {
      Host = "svc" .. n %% 100 .. ".example.com", apikey = string.format("key-%%05d", (n * 7) %% %(consumers)d) })
  end
end
local i = 0
function request() i = i + 1; return requests[i %% %(count)d + 1] end
""" % {"count": ROUTES, "consumers": CONSUMERS}

POST = """
wrk.method = "POST"
wrk.body = string.rep("x", %d)
wrk.headers["Content-Type"] = "application/octet-stream"
"""


@dataclasses.dataclass(frozen=True)
class Wrk:
    """HTTP/1.1 requests by wrk."""

    path: str = "/hello"
    headers: tuple = ()
    script: str = ""
    tls: bool = False
    # A connection for each request; connections are all the load then, and with TLS a handshake each.
    close: bool = False

    def run(self, proxy, connections, seconds, core):
        scheme, port = ("https", proxy.tls) if self.tls else ("http", proxy.port)
        command = ["taskset", "-c", str(core), find("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
        headers = self.headers + (("Connection: close",) if self.close else ())
        for header in headers:
            command += ["-H", header]
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            if self.script:
                script.write(self.script)
                script.flush()
                command += ["-s", script.name]
            command.append(f"{scheme}://127.0.0.1:{port}{self.path}")
            before = proxy.cpu_ns()
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            used = proxy.cpu_ns() - before
        requests = int(re.search(r"(\d+) requests in", text)[1])
        if "Socket errors" in text or "Non-2xx" in text or not requests:
            sys.exit(f"{proxy.name}, {self}, {connections} connections: requests failed\n{text}")
        return {
            "cpu": used / 1000 / requests,
            "p50": milliseconds(re.search(r"^\s+50%\s+(\S+)", text, re.M)[1]),
            "p99": milliseconds(re.search(r"^\s+99%\s+(\S+)", text, re.M)[1]),
            "rate": requests / seconds,
        }


def many(**rest):
    """Requests to the routes of `documents.many_routes`, as its consumers."""
    return Wrk(script=MANY, **rest)


def post(size):
    """Requests with a body of this size."""
    return Wrk("/sink", script=POST % size)


# With more at once nginx runs out of ports towards its upstream.
MOST_STREAMS = 1024


@dataclasses.dataclass(frozen=True)
class H2load:
    """HTTP/2 over TLS, or HTTP/1.1 without, by h2load; `rate` requests a second in all, if that is not 0."""

    path: str = "/hello"
    # Requests at once on a connection, fewer where that would come to more than `MOST_STREAMS` together.
    streams: int = 10
    headers: tuple = ()
    h1: bool = False
    rate: int = 0
    # More paths, one after another; they replace `path`.
    paths: tuple = ()

    def run(self, proxy, connections, seconds, core):
        base = f"http://127.0.0.1:{proxy.port}" if self.h1 else f"https://127.0.0.1:{proxy.tls}"
        streams = 1 if self.h1 else min(self.streams, max(1, MOST_STREAMS // connections))
        command = ["taskset", "-c", str(core), find("h2load"), f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
        if self.h1:
            command.append("--h1")
        if self.rate:
            command.append(f"--rps={self.rate / connections:.6f}")
        for header in self.headers:
            command += ["-H", header]
        with tempfile.TemporaryDirectory() as folder:
            log, uris = pathlib.Path(folder, "log"), pathlib.Path(folder, "uris")
            uris.write_text("".join(f"{base}{path}\n" for path in self.paths or (self.path,)))
            before = proxy.cpu_ns()
            try:
                done = subprocess.run([*command, f"--log-file={log}", "-i", uris], capture_output=True, text=True, timeout=seconds + 60)
            except subprocess.TimeoutExpired:
                sys.exit(f"{proxy.name}, {self.path}, {connections} connections: h2load does not end")
            used = proxy.cpu_ns() - before
            rows = [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
        times = sorted(int(row[2]) / 1000 for row in rows if row[1] == "200")
        failed = len(rows) - len(times) + int((re.search(r"(\d+) errored", done.stdout) or [0, 0])[1])
        if failed or not times:
            sys.exit(f"{proxy.name}, {self.path}, {connections} connections: {failed} requests failed\n{done.stdout[-1500:]}{done.stderr}")
        return {
            "cpu": used / 1000 / len(times),
            "p50": statistics.median(times), "p99": times[len(times) * 99 // 100], "p999": times[len(times) * 999 // 1000],
            "max": times[-1], "rate": len(times) / seconds,
        }


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]
