"""What it takes to be there: memory with routes and with idle connections, and the time until the first answer."""

import json
import resource
import socket
import ssl
import statistics

from . import documents, proxies

REQUEST = b"GET /hello HTTP/1.1\r\nHost: idle.test\r\n\r\n"


def connect(port, tls):
    one = socket.create_connection(("127.0.0.1", port), 30)
    if tls:
        one = tls.wrap_socket(one, server_hostname="localhost")
    one.sendall(REQUEST)
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < 1024:
        data += one.recv(8192)
    return one


def idle(proxy, count, over_tls):
    """Bytes that each of `count` connections takes that had one request and now wait."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(room[1], count + 1000), room[1]))
    context = None
    if over_tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = proxy.tls if over_tls else proxy.port
    # The first ones warm up what is made once.
    held = [connect(port, context) for _ in range(100)]
    before = proxy.memory()
    held += [connect(port, context) for _ in range(count)]
    used = (proxy.memory() - before) / count
    for one in held:
        one.close()
    return used


def idle_connections(options, folder, upstream):
    """Bytes an idle connection of nginx and Gibbon takes, plain and over TLS."""
    found = {}
    for kind in ("nginx", "gibbon"):
        for over_tls in (False, True):
            if kind == "nginx":
                process = proxies.bare(folder, options.core, upstream)
            else:
                process = proxies.gibbon(options.gibbon, folder, options.core, documents.one_route()(upstream), name="idle")
            with process as proxy:
                proxy.wait(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                found[kind, "TLS" if over_tls else "plain"] = idle(proxy, options.idle, over_tls)
    return found


def of_routes(options, folder, upstream, count, form="json", times=1):
    """Seconds until a node with so many routes answers, and the bytes it holds then."""
    document = documents.many(count, upstream)
    file = folder / f"many.{form}"
    if form == "json":
        file.write_text(json.dumps(document))
    else:
        file.write_text(documents.yaml(document) + "\n")
    seconds, sizes = [], []
    for _ in range(times):
        with proxies.gibbon(options.gibbon, folder, None, file, name="many") as proxy:
            seconds.append(proxy.wait(documents.asks(count - 1)))
            sizes.append(proxy.memory())
    return {"start": statistics.median(seconds), "memory": statistics.median(sizes), "file": file.stat().st_size}
