"""100,000 routes: start, memory, a match, changes, and loading them while requests are served."""

import json
import re
import statistics
import subprocess
import threading
import time

from . import changes, documents, proxies, still
from .admin import Admin
from .loads import H2load, Wrk
from .process import clean_environment

MATCH = """
local requests = {}
function init(args)
  for line in io.lines("%s") do
    local host, path = line:match("(%%S+) (%%S+)")
    requests[#requests + 1] = wrk.format("GET", path, { Host = host })
  end
end
local i = 0
function request() i = i + 1; return requests[i %% #requests + 1] end
"""


def router(options):
    """Microseconds that the router takes to find one of 100,000 routes, for the slowest kind of route; none if it was not built."""
    if not options.router:
        return None
    command = ["taskset", "-c", str(options.core), options.router]
    return slowest(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def slowest(text):
    """The longest of the times in lines such as `match  host and path: 412ns, of which …`, in microseconds."""
    units = {"ns": 1e-3, "µs": 1, "ms": 1e3}
    return max(float(number) * units[unit] for number, unit in re.findall(r"^match .*?: ([0-9.]+)(ns|µs|ms)", text, re.MULTILINE))


def match(options, folder, upstream, count):
    """Microseconds of CPU that a request takes more among `count` routes than with one, the same requests."""
    file = folder / "requests"
    step = max(1, count // 20_000)
    asked = [documents.request(number * 7919 % count) for number in range(0, count, step)]
    file.write_text("".join(f"{host} {path}\n" for host, path in asked))
    load = Wrk(script=MATCH % file)
    differences = []
    start = lambda document, name: proxies.gibbon(options.gibbon, folder, options.core, document, name=name)
    plain = {"_format_version": "3.0", "services": documents.many(count, upstream)["services"]}
    for service in plain["services"]:
        for route in service["routes"]:
            route.pop("plugins", None)
    with start(plain, "many") as many, start(documents.one_route()(upstream), "one") as one:
        for proxy in (one, many):
            proxy.wait(documents.asks(0))
            load.run(proxy, 64, 1, options.core)
        for number in range(options.rounds):
            order = (one, many) if number % 2 else (many, one)
            found = {proxy.name: load.run(proxy, 64, options.seconds, options.core)["cpu"] for proxy in order}
            differences.append(found["many"] - found["one"])
    return statistics.median(differences)


def under_load(proxy, rate, core, work):
    """Does `work` while requests come at a fixed rate; returns the seconds it took and the latencies, at rest first."""
    load = H2load(h1=True, rate=rate, path="/always")
    at_rest = load.run(proxy, 8, 2, core)
    runs, done = [], threading.Event()

    def keep_on():
        # At least once more after the work is done, so that taking over what was loaded is seen too.
        while not done.is_set() or not runs:
            runs.append(load.run(proxy, 8, 2, core))
        runs.append(load.run(proxy, 8, 2, core))
        runs.append(None)

    thread = threading.Thread(target=keep_on)
    thread.start()
    time.sleep(0.5)
    begin = time.monotonic()
    try:
        work()
    finally:
        seconds = time.monotonic() - begin
        done.set()
        thread.join()
    if not runs or runs.pop() is not None:
        raise RuntimeError("requests failed while a configuration was loaded")
    worst = lambda key: max(run[key] for run in runs)
    return {"seconds": seconds, "rest p99": at_rest["p99"], "loading p99": worst("p99"), "loading max": worst("max")}


def always(document, upstream):
    """Adds a route that is there before and after."""
    route = {"name": "always", "paths": ["/always"], "strip_path": False}
    document["services"].append({"name": "always", "url": f"http://127.0.0.1:{upstream}", "routes": [route]})
    return document


def bulk(options, folder, upstream, count):
    """Seconds of POST /config and of `config db_import` with `count` routes, beside running requests."""
    found = {}
    empty = always({"_format_version": "3.0", "services": []}, upstream)
    file = folder / "loaded.json"
    file.write_text(json.dumps(always(documents.many(count, upstream), upstream)))
    request = b"GET /always HTTP/1.1\r\nHost: any.test\r\nConnection: close\r\n\r\n"
    with proxies.gibbon(options.gibbon, folder, None, empty, name="bulk") as proxy:
        proxy.wait(request)
        text = file.read_bytes()
        found["POST /config"] = under_load(proxy, 500, options.load_core, lambda: Admin(proxy.admin).call("POST", "/config", raw=text))
    with proxies.gibbon(options.gibbon, folder, None, None, name="import") as proxy:
        small = folder / "small.json"
        small.write_text(json.dumps(empty))
        config = lambda path: subprocess.run([options.gibbon, "config", "db_import", path, "-c", proxy.conf], check=True,
                                             capture_output=True, env=clean_environment())
        wait_for_admin(proxy)
        config(small)
        proxy.wait(request)
        found["config db_import"] = under_load(proxy, 500, options.load_core, lambda: config(file))
    return found


def wait_for_admin(proxy):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return Admin(proxy.admin).call("GET", "/")
        except OSError:
            time.sleep(0.02)
    proxy.fail("does not open its Admin API")


def embedded(options, folder, upstream, count):
    """A node with `count` routes in its embedded database."""
    file = folder / "embedded.json"
    file.write_text(json.dumps(documents.many(count, upstream)))
    name = f"embedded-{count}"
    proxy = proxies.gibbon(options.gibbon, folder, options.core, None, name=name, log_level="info")
    wait_for_admin(proxy)
    subprocess.run([options.gibbon, "config", "db_import", file, "-c", proxy.conf], check=True, capture_output=True, env=clean_environment())
    return proxy


def live(options, folder, upstream, count, times):
    """Milliseconds until live of each kind of change among `count` routes, and calm under changes."""
    with embedded(options, folder, upstream, count) as proxy:
        found = changes.each_kind(proxy, folder, times)
        calm = changes.calm(proxy, options, count)
        return found, calm | {"longest switch": changes.longest_switch(proxy)}
