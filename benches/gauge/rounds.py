"""Rounds in which proxies take turns, so that what else the machine does hits all of them; the figure is a ratio within a round."""

import statistics
import subprocess

from . import documents, proxies
from .tools import find

REQUEST = b"GET /api/v1/res1/items HTTP/1.1\r\nHost: svc1.example.com\r\napikey: key-00000\r\nConnection: close\r\n\r\n"


def make_certificate(folder):
    """A P-256 certificate for all proxies."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
               "-subj", "/CN=localhost", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
    subprocess.run(command, check=True, capture_output=True)


def start(kind, scenario, options, folder, upstream):
    match kind:
        case "nginx":
            return proxies.bare(folder, options.core, upstream)
        case "haproxy":
            return proxies.haproxy(folder, options.core, upstream)
        case "gibbon":
            return proxies.gibbon(options.gibbon, folder, options.core, scenario.document(upstream))
        case "empty":
            return proxies.gibbon(options.gibbon, folder, options.core, documents.one_route()(upstream), name="empty")
    return proxies.other(options, folder, upstream)


def measure(scenario, options, folder, tell):
    """Measures one scenario; returns a row for each number of connections and proxy."""
    make_certificate(folder)
    running, rows = [], []
    try:
        upstream = proxies.upstream(folder, options.core)
        running.append(upstream)
        for kind in scenario.proxies:
            running.append(start(kind, scenario, options, folder, upstream.port))
        turns = running[1:]
        for proxy in turns:
            proxy.wait(REQUEST)
        for connections in options.connections_of(scenario):
            rows += rounds(scenario, connections, turns, options, tell)
    finally:
        for process in reversed(running):
            process.stop()
    return rows


def rounds(scenario, connections, turns, options, tell):
    run = lambda proxy, seconds: scenario.load.run(proxy, connections, seconds * scenario.longer, options.core)
    for proxy in turns:
        run(proxy, 1)
    found = []
    for number in range(options.rounds_of(scenario)):
        # Turns begin with another proxy each round, so that none has the better place.
        order = turns[number % len(turns):] + turns[:number % len(turns)]
        found.append({proxy.name: run(proxy, options.seconds) for proxy in order})
    rows = []
    for proxy in turns:
        ratios = [one[proxy.name]["cpu"] / one["nginx"]["cpu"] for one in found]
        median = {key: statistics.median(one[proxy.name][key] for one in found) for key in ("cpu", "p50", "p99", "rate")}
        row = {"scenario": scenario.name, "connections": connections, "proxy": proxy.name, "memory": proxy.memory() / 1e6,
               "ratio": statistics.median(ratios), "low": min(ratios), "high": max(ratios), "rounds": found, **median}
        rows.append(row)
        tell(row)
    return rows


def figures(rows):
    """The figures that budgets look at: ratios, and what one more plugin costs."""
    found = {f"ratio {row['scenario']} {row['connections']}": row["ratio"] for row in rows if row["proxy"] == "gibbon"}
    empty = [row for row in rows if row["proxy"] == "empty"]
    for row in empty:
        costs = [(one["gibbon"]["cpu"] - one["empty"]["cpu"]) * 1000 / len(documents.IDLE) for one in row["rounds"]]
        found["plugin"] = statistics.median(costs)
    return found
