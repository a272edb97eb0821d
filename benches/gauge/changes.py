"""Changes while it serves: until when each kind is live, and what 50 changes a second do to others' latency."""

import pathlib
import re
import statistics
import threading
import time

from . import documents, proxies
from .admin import Admin, Probe
from .loads import H2load

RATE = 50


def each_kind(proxy, certificate, count):
    """Milliseconds until live of one change of each kind, `count` times; what is routed is asked for at once."""
    admin, probe = Admin(proxy.admin), Probe(proxy.port)
    service = admin.call("GET", "/services?size=1")["data"][0]["id"]
    found = {}

    def timed(kind, method, path, body=None, probed=None):
        begin = time.perf_counter()
        admin.call(method, path, body)
        if probed:
            path, wanted = probed
            while (probe.status(path) == 404) == wanted:
                if time.perf_counter() > begin + 10:
                    raise RuntimeError(f"{kind}: {path} is not live")
        found.setdefault(kind, []).append((time.perf_counter() - begin) * 1000)

    for number in range(count):
        name = f"bench-{number}"
        timed("route created", "POST", "/routes", {"name": name, "paths": [f"/{name}/a"], "service": {"id": service}}, (f"/{name}/a", True))
        timed("route changed", "PATCH", f"/routes/{name}", {"paths": [f"/{name}/b"]}, (f"/{name}/b", True))
        timed("route deleted", "DELETE", f"/routes/{name}", None, (f"/{name}/b", False))
        timed("service created", "POST", "/services", {"name": name, "url": "http://127.0.0.1:9"})
        timed("service changed", "PATCH", f"/services/{service}", {"read_timeout": 60000 + number})
        timed("service deleted", "DELETE", f"/services/{name}")
        timed("consumer created", "POST", "/consumers", {"username": name})
        timed("credential created", "POST", f"/consumers/{name}/key-auth", {"key": name})
        timed("consumer deleted", "DELETE", f"/consumers/{name}")
        plugin = {"name": "correlation-id", "instance_name": name}
        timed("global plugin created", "POST", "/plugins", plugin)
        timed("global plugin changed", "PATCH", f"/plugins/{name}", {"config": {"header_name": f"X-{number}"}})
        timed("global plugin deleted", "DELETE", f"/plugins/{name}")
        pair = {"cert": (certificate / "tls.crt").read_text(), "key": (certificate / "tls.key").read_text(), "snis": [f"{name}.test"]}
        pair["id"] = f"00000000-0000-4000-8000-{number:012}"
        timed("certificate created", "POST", "/certificates", pair)
        timed("certificate changed", "PATCH", f"/certificates/{pair['id']}", {"tags": [name]})
        timed("certificate deleted", "DELETE", f"/certificates/{pair['id']}")
    return {kind: (statistics.median(times), max(times)) for kind, times in found.items()}


class Changer(threading.Thread):
    """Changes routes, 50 a second, until it is told to stop."""

    def __init__(self, port, rate=RATE):
        super().__init__(daemon=True)
        self.admin, self.rate, self.done, self.count, self.late = Admin(port), rate, threading.Event(), 0, 0

    def run(self):
        begin = time.monotonic()
        while not self.done.is_set():
            route = f"route-{self.count * 7 % documents.ROUTES}"
            self.admin.call("PATCH", f"/routes/{route}", {"tags": [f"t{self.count}"], "regex_priority": self.count % 7})
            self.count += 1
            ahead = begin + self.count / self.rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            else:
                self.late += 1

    def stop(self):
        self.done.set()
        self.join()


def load_of(routes, rate):
    """Requests at a fixed rate to paths of the routes that have no host."""
    paths = tuple(documents.request(number)[1] for number in range(1, min(routes, 1500), 3))
    return H2load(h1=True, rate=rate, paths=paths)


def longest_switch(proxy):
    """Milliseconds that a worker took at most to go over to a new configuration; the node says so when it ends."""
    proxy.stop()
    found = re.search(r"a worker took (\d+) us at most", pathlib.Path(proxy.error_log).read_text())
    return int(found[1]) / 1000 if found else float("nan")


def calm(proxy, options, routes):
    """p99 at rest and while 50 routes a second change, in turns, at about a third of what one core can do."""
    capacity = load_of(routes, 0).run(proxy, 16, 1, options.load_core)["rate"]
    load = load_of(routes, int(capacity / 3))
    at_rest, changing, control, polls = [], [], [], []
    for _ in range(options.calm_rounds):
        at_rest.append(load.run(proxy, 16, options.calm_seconds, options.load_core))
        changer, before, begin = Changer(proxy.admin), proxy.threads_ns(), time.monotonic()
        changer.start()
        changing.append(load.run(proxy, 16, options.calm_seconds, options.load_core))
        after, seconds = proxy.threads_ns(), time.monotonic() - begin
        changer.stop()
        used = sum(after[name] - before.get(name, 0) for name in after if not name.startswith("worker"))
        control.append(used / 1e9 / seconds)
        polls.append(changer.count / seconds)
    median = lambda runs, key: statistics.median(run[key] for run in runs)
    return {
        "rate": load.rate, "changes": statistics.median(polls), "control": statistics.median(control),
        "rest p50": median(at_rest, "p50"), "rest p99": median(at_rest, "p99"), "rest p999": median(at_rest, "p999"),
        "changing p50": median(changing, "p50"), "changing p99": median(changing, "p99"), "changing p999": median(changing, "p999"),
    }
