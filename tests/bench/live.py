"""`rollcall watch` on the ledger of the backfill, while the log goes on. Used by measure.py."""
import os
import re
import socket
import sqlite3
import subprocess
import time
import urllib.request

from contestants import ROLLCALL, Failed, check, found_by_rollcall

LINES_PER_SECOND = 100


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, what):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass  # not listening yet
        time.sleep(0.2)
    raise Failed(f"{what}: not within two minutes")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def peak_resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) * 1024


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.status == 200 and answer.read()


def write_live(lines, log, port):
    """One write() a line, evenly; /metrics is scraped as a Prometheus would, every 15 s."""
    start = time.monotonic()
    for number, line in enumerate(lines):
        time.sleep(max(0, start + number / LINES_PER_SECOND - time.monotonic()))
        log.write(line)
        if number % (15 * LINES_PER_SECOND) == 0:
            get(port, "/metrics")


def runs_after(ledger, seq):
    return ledger.execute("SELECT count(*) FROM runs WHERE seq > ?", (seq,)).fetchone()[0]


def watch(scratch, lines, truth):
    """The share of a core that it takes, and its peak memory since it started."""
    directory = f"{scratch}/json"
    port = free_port()
    with open(f"{scratch}/watch.yml", "w") as config, open(f"{scratch}/rollcall.yml") as common:
        config.write(f"{common.read()}listen: 127.0.0.1:{port}\n")
    ledger = sqlite3.connect(f"file:{directory}/ledger.db?mode=ro", uri=True)
    last = ledger.execute("SELECT max(seq) FROM runs").fetchone()[0]
    with (open(f"{scratch}/watch.stderr", "wb") as err,
          open(f"{scratch}/live.json.log", "wb", buffering=0) as log):
        process = subprocess.Popen([ROLLCALL, "watch", "--config", config.name,
                                    "--ledger", f"{directory}/ledger.db"], stdout=err, stderr=err)
        try:
            wait_until(lambda: get(port, "/-/ready"), "the watch is ready")
            start, cpu = time.monotonic(), cpu_seconds(process.pid)
            write_live(lines, log, port)
            wait_until(lambda: runs_after(ledger, last) == len(lines), "all live lines are booked")
            share = (cpu_seconds(process.pid) - cpu) / (time.monotonic() - start)
            resident = peak_resident(process.pid)
        finally:
            process.terminate()
            process.wait(timeout=60)
            ledger.close()
    check(found_by_rollcall(directory), truth)
    return share, resident
