"""A process under measurement: started on a core, asked for its CPU time and memory, and ended."""

import os
import pathlib
import socket
import subprocess
import sys
import time


class Process:
    """A proxy or an upstream; `port` is where it takes requests."""

    def __init__(self, name, port, command, core, log):
        self.name, self.port, self.log = name, port, log
        self.spawned = time.monotonic()
        pinned = ["taskset", "-c", str(core), *map(str, command)] if core is not None else list(map(str, command))
        with open(log, "ab") as output:
            self.process = subprocess.Popen(pinned, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=clean_environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def pids(self):
        """The process and its children (nginx has a master and a worker)."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                queue += map(int, (task / "children").read_text().split())
        return found

    def threads_ns(self):
        """Time on a CPU so far, by name of thread, in nanoseconds."""
        total = {}
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                try:
                    name = (task / "comm").read_text().strip()
                    total[name] = total.get(name, 0) + int((task / "schedstat").read_text().split()[0])
                except (FileNotFoundError, ProcessLookupError):
                    pass
        return total

    def cpu_ns(self):
        return sum(self.threads_ns().values())

    def memory(self):
        """Bytes resident."""
        pages = sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait(self, request, seconds=60):
        """Waits until `request` is answered with 200, and returns the seconds since the start of the process."""
        answer = b""
        while time.monotonic() < self.spawned + seconds:
            if self.process.poll() is not None:
                self.fail(f"ended with {self.process.returncode}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as one:
                    one.sendall(request)
                    answer = one.recv(4096)
                    if answer.startswith(b"HTTP/1.1 200"):
                        return time.monotonic() - self.spawned
            except OSError:
                pass
            time.sleep(0.005)
        self.fail(f"does not answer: {answer[:300]!r}")

    def fail(self, why):
        log = pathlib.Path(self.log).read_text(errors="replace")[-2000:]
        sys.exit(f"{self.name} {why}\n{log}")


def clean_environment():
    """The environment without what would configure a gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KONG_", "GIBBON_"))}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def free_port():
    return free_ports(1)[0]
