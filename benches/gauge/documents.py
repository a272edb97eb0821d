"""Configurations that are measured, as declarative documents. Nothing here starts anything."""

ROUTES = 1000
CONSUMERS = 1000
SERVICES = 1000


def of_service(upstream, routes, plugins=(), **rest):
    service = {"name": "s", "url": f"http://127.0.0.1:{upstream}", "routes": routes, "plugins": list(plugins)}
    return {"_format_version": "3.0", "services": [service], **rest}


def one_route(*plugins, **rest):
    """A configuration of one route for everything, with these plugins."""
    return lambda upstream: of_service(upstream, [{"name": "r", "paths": ["/"], "strip_path": False}], plugins, **rest)


def many_routes(*plugins, consumers=CONSUMERS):
    """1,000 routes spread over hosts and paths, and consumers with a key each; requests come from `loads.Many`."""
    routes = [
        {"name": f"r{n}", "hosts": [f"svc{n % 100}.example.com"], "paths": [f"/api/v1/res{n // 100}"], "strip_path": False}
        for n in range(ROUTES)
    ]
    people = [{"username": f"c{n}", "keyauth_credentials": [{"key": f"key-{n:05}"}]} for n in range(consumers)]
    return lambda upstream: of_service(upstream, routes, plugins, consumers=people)


KEY_AUTH = {"name": "key-auth"}
RATE_LIMITING = {"name": "rate-limiting", "config": {"minute": 1_000_000_000, "policy": "local"}}
# Plugins that look at each request and find nothing to do.
IDLE = [
    {"name": "ip-restriction", "config": {"allow": ["127.0.0.0/8"]}},
    {"name": "request-size-limiting", "config": {"allowed_payload_size": 128}},
    {"name": "request-termination", "config": {"status_code": 403, "trigger": "x-never"}},
    {"name": "request-transformer", "config": {"remove": {"headers": ["x-never"]}}},
    {"name": "response-transformer", "config": {"remove": {"headers": ["x-never"]}}},
]
BUSY = [
    KEY_AUTH, RATE_LIMITING, {"name": "correlation-id"}, {"name": "cors"}, {"name": "prometheus"},
    IDLE[0], IDLE[1], IDLE[2],
    {"name": "request-transformer", "config": {"add": {"headers": ["x-in:1"]}}},
    {"name": "response-transformer", "config": {"add": {"headers": ["x-out:1"]}}},
]
ONE_CONSUMER = [{"username": "c0", "keyauth_credentials": [{"key": "key-00000"}]}]


# --- many routes

def place(number):
    """Host (none for any) and path of a route; three kinds take turns: host and path, path alone, wildcard host."""
    match number % 3:
        case 0:
            return f"api-{number}.example.test", f"/v1/things/{number % 10}"
        case 1:
            return None, f"/team-{number % 50}/service-{number}/v1"
        case _:
            return f"*.tenant-{number}.test", "/v2"


def request(number):
    """Host and path of a request that the route of this number takes."""
    host, path = place(number)
    return (host or "any.test").replace("*", "www"), path + "/list"


def asks(number):
    """The bytes of that request, the only one of its connection."""
    host, path = request(number)
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def route(number):
    host, path = place(number)
    return {"name": f"route-{number}", "paths": [path], "strip_path": False, **({"hosts": [host]} if host else {})}


def many(count, upstream):
    """`count` routes on 1,000 services, a plugin on each tenth route, and 1,000 consumers with a key."""
    kinds = [IDLE[0], IDLE[1], IDLE[3], RATE_LIMITING]
    services = min(SERVICES, count)
    nested = [[] for _ in range(services)]
    for number in range(count):
        one = route(number)
        if number % 10 == 0:
            one["plugins"] = [kinds[number // 10 % len(kinds)]]
        nested[number % services].append(one)
    return {
        "_format_version": "3.0",
        "services": [
            {"name": f"service-{number}", "url": f"http://127.0.0.1:{upstream}", "routes": routes}
            for number, routes in enumerate(nested)
        ],
        "consumers": [{"username": f"c{n}", "keyauth_credentials": [{"key": f"key-{n:05}"}]} for n in range(CONSUMERS)],
    }


def yaml(value, indent=""):
    """A document as block YAML, as people write it."""
    if isinstance(value, dict):
        items = ((f"{indent}{key}:", held) for key, held in value.items())
    else:
        items = ((f"{indent}-", held) for held in value)
    lines = []
    for head, held in items:
        if not isinstance(held, (dict, list)):
            lines.append(f"{head} {scalar(held)}")
        elif not held:
            lines.append(f"{head} {'{}' if isinstance(held, dict) else '[]'}")
        elif isinstance(value, list):
            inner = yaml(held, indent + "  ")
            lines.append(f"{head} {inner[len(indent) + 2:]}")
        else:
            lines.append(f"{head}\n{yaml(held, indent + '  ')}")
    return "\n".join(lines)


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and not value.replace("-", "a").replace("/", "a").replace(".", "a").isalnum() or value == "3.0":
        return "'" + value.replace("'", "''") + "'"
    return str(value)
