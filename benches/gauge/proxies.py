"""How the proxies and the upstream are configured and started. All keep connections open on both sides and write no access log."""

import json

from .process import Process, free_port, free_ports
from .tools import find

NGINX = """
daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.log warn;
events {{ worker_connections 16384; }}
worker_rlimit_nofile 65536;
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type text/plain; client_max_body_size 0;
  client_body_temp_path {folder}/{name}.t1; proxy_temp_path {folder}/{name}.t2; fastcgi_temp_path {folder}/{name}.t3;
  uwsgi_temp_path {folder}/{name}.t4; scgi_temp_path {folder}/{name}.t5;
  {body}
}}
"""

UPSTREAM = """
  sendfile on;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 "{answer}"; }}
    location /files/ {{ alias {folder}/files/; }}
    # Answers when all of the body is there: an early answer would close connections.
    location /sink {{
      client_body_buffer_size 2m; proxy_pass_request_body off; proxy_set_header Content-Length "";
      proxy_pass http://127.0.0.1:{port}/;
    }}
  }}
"""

# Nothing but a proxy, and no files in between: bodies stream both ways.
PROXY = """
  upstream u {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    listen 127.0.0.1:{tls} ssl http2 backlog=4096;
    ssl_certificate {folder}/tls.crt; ssl_certificate_key {folder}/tls.key; ssl_session_cache off; ssl_session_tickets off;
    http2_max_concurrent_streams 128;
    location / {{
      proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering off; proxy_max_temp_file_size 0;
    }}
  }}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  http-reuse always
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server s 127.0.0.1:{upstream} pool-max-conn 1024
"""

KONG_CONF = {
    "proxy_access_log": "off", "admin_access_log": "off", "admin_gui_listen": "off", "log_level": "error",
    "anonymous_reports": "off", "nginx_worker_processes": 1, "upstream_keepalive_pool_size": 1024,
    "upstream_keepalive_max_requests": 0, "nginx_admin_client_max_body_size": "1g", "nginx_http_keepalive_requests": 1000000000, "nginx_http_client_max_body_size": 0,
}


def nginx(folder, name, body, core, **ports):
    conf = folder / f"{name}.conf"
    conf.write_text(NGINX.format(folder=folder, name=name, body=body.format(folder=folder, **ports)))
    command = [find("nginx"), "-p", folder, "-e", folder / f"{name}.log", "-c", conf]
    process = Process(name, ports["port"], command, core, folder / f"{name}.out")
    process.tls = ports.get("tls")
    return process


def upstream(folder, core, answer=1024):
    """An nginx that answers with 1 KB, and with larger files below /files."""
    files = folder / "files"
    files.mkdir(exist_ok=True)
    for name, size in (("100k", 100_000), ("10m", 10_000_000)):
        (files / name).write_bytes(b"x" * size)
    process = nginx(folder, "upstream", UPSTREAM.replace("{answer}", "x" * answer), core, port=free_port())
    process.wait(b"GET / HTTP/1.0\r\n\r\n")
    return process


def bare(folder, core, port):
    """nginx as a proxy and nothing else."""
    listen, tls = free_ports(2)
    return nginx(folder, "nginx", PROXY, core, port=listen, tls=tls, upstream=port)


def haproxy(folder, core, port):
    conf, listen = folder / "haproxy.cfg", free_port()
    conf.write_text(HAPROXY.format(port=listen, upstream=port))
    return Process("haproxy", listen, [find("haproxy"), "-db", "-f", conf], core, folder / "haproxy.out")


def gibbon(binary, folder, core, document=None, name="gibbon", **properties):
    """Gibbon with a declarative document, or, without one, with the embedded database of its prefix below `folder`.

    A document may be a path of a file that is there already.
    """
    listen, tls, admin = free_ports(3)
    prefix = folder / name
    prefix.mkdir(exist_ok=True)
    if isinstance(document, dict):
        (folder / f"{name}.json").write_text(json.dumps(document))
        document = folder / f"{name}.json"
    conf = KONG_CONF | {
        "prefix": prefix, "admin_listen": f"127.0.0.1:{admin}",
        "proxy_listen": f"127.0.0.1:{listen} backlog=4096, 127.0.0.1:{tls} http2 ssl backlog=4096",
    }
    if (folder / "tls.crt").exists():
        conf |= {"ssl_cert": folder / "tls.crt", "ssl_cert_key": folder / "tls.key"}
    conf |= {"database": "off", "declarative_config": document} if document else {"database": "embedded"}
    file = folder / f"{name}.kong.conf"
    file.write_text("".join(f"{key} = {value}\n" for key, value in (conf | properties).items()))
    process = Process(name, listen, [binary, "run", "-c", file], core, folder / f"{name}.out")
    process.tls, process.admin, process.conf, process.prefix = tls, admin, file, prefix
    process.error_log = prefix / "logs" / "error.log"
    return process
