"""Measures how long a lossy line takes from write() to /metrics of a running `rollcall watch`.

Every loss is a partition of its own: a healthy first line, later a re-run that reads nothing. Exit 1
when a loss does not show within a minute. Python 3.11, standard library only.
"""
import argparse
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.request

CONFIG = """server: data-1
ledger: {directory}/ledger.db
listen: 127.0.0.1:{port}
compaction_logs:
  - name: compactd
    paths: [{directory}/compactd.log]
    format: json
    fields: {{time: ts, run: run, project: project, day: day, format: format, existing: existing,
             fresh: new, written: written, version: version}}
"""
LINE = ('{{"ts":"2016-02-22T12:{minute:02d}:{second:02d}Z","run":"{run}","project":"p{project}",'
        '"day":"2016-02-22","format":"row","existing":{existing},"new":{new},"written":{written},'
        '"version":"{version}"}}\n')


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def missing(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found = re.search(rb'rollcall_alerts\{[^}]*rule="count_drop"[^}]*state="firing"[^}]*\} (\S+)',
                          answer.read())
        return float(found[1]) if found else 0


def wait(condition, what):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass  # not listening yet
    sys.exit(f"live.py: {what}: not within a minute")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--losses", type=int, default=300)
    args = parser.parse_args()
    os.makedirs(args.directory)
    port = free_port()
    config = f"{args.directory}/rollcall.yml"
    with open(config, "w") as file:
        file.write(CONFIG.format(directory=args.directory, port=port))
    log = open(f"{args.directory}/compactd.log", "w", buffering=1)
    for project in range(args.losses):
        log.write(LINE.format(minute=0, second=0, run=project, project=project, existing=0, new=100,
                              written=100, version="1"))
    watch = subprocess.Popen([args.rollcall, "watch", "--config", config],
                             stderr=subprocess.DEVNULL)
    try:
        wait(lambda: missing(port) == 0, "the watch starts")
        took = []
        for project in range(args.losses):
            line = LINE.format(minute=1 + project // 60, second=project % 60, run=f"b{project}",
                               project=project, existing=0, new=1, written=1, version="2")
            time.sleep(random.uniform(0, 0.02))  # at any moment of the watcher's second
            start = time.monotonic()
            log.write(line)
            wait(lambda: missing(port) >= project + 1, f"loss {project}")
            took.append(time.monotonic() - start)
        took.sort()
        print(f"{len(took)} losses: median {took[len(took) // 2] * 1000:.1f} ms, 99th percentile "
              f"{took[int(len(took) * 0.99)] * 1000:.1f} ms, worst {took[-1] * 1000:.1f} ms")
    finally:
        watch.terminate()
        watch.wait(timeout=30)


main()
