"""What is compared with nginx, a line each. To add one, add a line here, and a line to `budget.py` if something is promised."""

import dataclasses
from collections.abc import Callable

from . import documents, loads
from .documents import BUSY, IDLE, KEY_AUTH, ONE_CONSUMER, RATE_LIMITING, many_routes, one_route
from .loads import H2load, Wrk


@dataclasses.dataclass(frozen=True)
class Scenario:
    """Gibbon with a configuration and a load, beside a bare nginx with the same load."""

    name: str
    text: str
    # From the port of the upstream to a declarative document.
    document: Callable = one_route()
    load: object = Wrk()
    connections: tuple = (1, 8, 64, 512)
    # What takes turns: nginx, gibbon, haproxy, and `empty`, which is Gibbon without plugins.
    proxies: tuple = ("nginx", "gibbon")
    # How many times as long as others a run takes: so that requests end in it even with nginx.
    longer: int = 1
    # Whether a budget hangs on it: it gets rounds enough then.
    judged: bool = False


APIKEY = ("apikey: key-00000",)

SCENARIOS = [
    Scenario("plain", "one route, no plugin", proxies=("nginx", "gibbon", "haproxy"), judged=True),
    Scenario("work", "1,000 routes, key-auth with 1,000 consumers, rate-limiting (local)",
             many_routes(KEY_AUTH, RATE_LIMITING), loads.many(), judged=True),
    Scenario("idle plugins", f"{len(IDLE)} plugins that find nothing to do", one_route(*IDLE), connections=(64,),
             proxies=("nginx", "gibbon", "empty"), judged=True),
    Scenario("10 plugins", "10 plugins, key-auth and rate-limiting among them", one_route(*BUSY, consumers=ONE_CONSUMER),
             Wrk(headers=APIKEY)),
    Scenario("TLS", "one route over TLS 1.3, connections kept", load=Wrk(tls=True), judged=True),
    Scenario("TLS handshakes", "a TLS 1.3 connection for each request", load=Wrk(tls=True, close=True), connections=(8, 64), judged=True),
    Scenario("h2", "HTTP/2 over TLS, 10 streams a connection", load=H2load(), judged=True),
    Scenario("100 KB", "answers of 100 KB", load=Wrk("/files/100k")),
    Scenario("10 MB", "answers of 10 MB", load=Wrk("/files/10m"), connections=(1, 8, 64), longer=8),
    Scenario("POST 1 KB", "request bodies of 1 KB", load=loads.post(1024)),
    Scenario("POST 1 MB", "request bodies of 1 MB", load=loads.post(1 << 20), connections=(1, 8, 64)),
]
