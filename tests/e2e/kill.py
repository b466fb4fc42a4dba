#!/usr/bin/env python3
"""Kills `rollcall watch` with SIGKILL at random moments while its log grows and rotates, or fills the
disk under its ledger, and in the end compares the ledger with what was written: every run exactly
once, with the right counts and balances. Only kills that found input not yet committed count.

Exit 0 when nothing is lost, doubled or wrong; 1 when something is, or rollcall ended by itself;
2 on a usage error. Python 3.11, standard library only; --mode disk-full needs root (mount).
"""

import argparse
import collections
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

from kill_log import RUN_COLUMNS, LogWriter

CONFIG = """\
server: data-01
ledger: {ledger}
listen: 127.0.0.1:{port}
compaction_logs:
  - name: compactd
    paths: ["{logs}/compactd.log"]
    format: json
    shape: rewrite
    conservation: strict
    match: {{event: compaction_finished}}
    fields: {{time: ts, run: run, batch: batch, project: project, day: day, format: format,
             existing: existing, fresh: new, recovered: recovered, duplicates: duplicates,
             deleted: deleted, written: written, version: version, path: path}}
"""


class Failure(Exception):
    pass


class Ledger:
    """Reads the documented views with plain sqlite3, never writes."""

    def __init__(self, path):
        self.path = path

    def query(self, sql):
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def run_count(self):
        """Committed runs; -1 where the ledger cannot be read, as on a full disk."""
        if not os.path.exists(self.path):
            return 0
        try:
            return self.query("SELECT count(*) FROM runs")[0][0]
        except sqlite3.OperationalError:
            return -1

    def runs(self):
        names = ", ".join(("project", "day", "format", "run") + RUN_COLUMNS)
        return self.query(f"SELECT {names} FROM runs ORDER BY seq")

    def balances(self):
        rows = self.query("SELECT project, day, format, expected, actual, missing, surplus FROM balances")
        return {tuple(row[:3]): row[3:] for row in rows}

    def read_ranges(self):
        return self.query('SELECT log, "begin", "end" FROM read_ranges ORDER BY log, "begin"')

    def blind_intervals(self):
        return self.query("SELECT count(*) FROM blind_intervals")[0][0]


class Watch:
    """The process under test."""

    def __init__(self, command, config, output, port):
        self.port = port
        self.command = command + ["watch", "--config", config]
        self.output = output
        self.process = None

    def start(self):
        with open(self.output, "ab") as output:
            self.output_before = output.tell()
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output)

    def require_alive(self):
        if self.process.poll() is not None:
            with open(self.output, "rb") as output:
                tail = output.read()[-2000:].decode(errors="replace")
            raise Failure(f"watch ended by itself with {self.process.returncode}:\n{tail}")

    def new_output(self):
        with open(self.output, "rb") as output:
            output.seek(self.output_before)
            return output.read()

    def metric(self, name):
        """None while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
        except OSError:
            return None
        return found and float(found[1])

    def kill(self):
        self.require_alive()
        self.process.kill()
        self.process.wait()

    def terminate(self):
        # A process that was only just started has not yet said what it does on SIGTERM.
        wait_for(lambda: b" watching port=" in self.new_output(), 30, "watch is up", self)
        self.process.terminate()
        if self.process.wait(timeout=30) != 0:
            raise Failure(f"watch ended with {self.process.returncode} on SIGTERM")

    def abandon(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def wait_for(condition, seconds, what, watch):
    """Seconds until `condition` held."""
    begin = time.monotonic()
    while not condition():
        watch.require_alive()
        if time.monotonic() - begin > seconds:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - begin


def kill_rounds(args, writer, watch, ledger, rnd):
    """Returns (kills, kills that found uncommitted input)."""
    kills = counted = 0
    while counted < args.rounds:
        if kills >= 4 * args.rounds + 20:
            raise Failure(f"only {counted} of {kills} kills found input that was not committed")
        watch.start()
        # Some kills during the start and its catching up, most while it follows.
        time.sleep(rnd.uniform(0, 0.08) if rnd.random() < 0.3 else rnd.uniform(0.08, args.longest_run))
        due = writer.lines  # in the file before the kill; nothing commits after it
        watch.kill()
        kills += 1
        counted += ledger.run_count() < due  # -1: killed before the views were there
    return kills, counted


def fill(directory):
    path = os.path.join(directory, "filler")
    with open(path, "wb", buffering=0) as file:
        block = b"\0" * (1 << 20)
        while len(block) >= 1:
            try:
                file.write(block)
            except OSError:
                block = block[:len(block) // 2]
    return path


def disk_full_rounds(args, writer, watch, ledger, rnd, state):
    """Returns (rounds, rounds with uncommitted input while full, slowest recovery in seconds)."""
    counted, slowest = 0, 0.0
    watch.start()
    for number in range(args.rounds):
        time.sleep(rnd.uniform(0.1, args.longest_run))
        filler = fill(state)
        time.sleep(rnd.uniform(0.2, args.longest_run))
        due = writer.lines
        counted += -1 < ledger.run_count() < due
        if number == 0 or rnd.random() < 0.3:
            watch.kill()
            watch.start()
            wait_for(lambda: watch.metric("rollcall_ledger_writable") == 0, 30,
                     "a watch started on a full disk says so", watch)
        os.unlink(filler)
        slowest = max(slowest, wait_for(lambda: ledger.run_count() >= due, args.deadline,
                                        "recovery after the disk was full", watch))
    watch.abandon()
    return args.rounds, counted, slowest


def differences(writer, ledger):
    truth = writer.truth
    seen = collections.defaultdict(list)
    order = collections.defaultdict(list)
    for row in ledger.runs():
        seen[row[3]].append((tuple(row[:3]), dict(zip(RUN_COLUMNS, row[4:]))))
        order[tuple(row[:3])].append(row[3])
    for partition, run, counts in truth.runs:
        found = seen.pop(run, [])
        if len(found) != 1:
            yield f"run {run} of {'/'.join(partition)} is in the ledger {len(found)} times"
        elif found[0][0] != partition or found[0][1] != counts:
            yield f"run {run} of {'/'.join(partition)}: is {counts}, ledger {found[0]}"
    for run in seen:
        yield f"run {run} is in the ledger and was never written"
    expected_order = collections.defaultdict(list)
    for partition, run, _ in truth.runs:
        expected_order[partition].append(run)
    for partition, runs in expected_order.items():
        if order[partition] != runs:
            yield f"runs of {'/'.join(partition)} are not in the order of the log"
    balances = ledger.balances()
    for partition in truth.actual.keys() | balances.keys():
        actual, missing = truth.actual.get(partition), truth.missing.get(partition)
        if actual is None or balances.get(partition) != (actual + missing, actual, missing, 0):
            yield (f"balance of {'/'.join(partition)}: actual {actual} missing {missing}, "
                   f"ledger (expected, actual, missing, surplus) {balances.get(partition)}")
    yield from range_differences(ledger.read_ranges(), writer.size_bytes)


def range_differences(ranges, size_bytes):
    end_of = {}
    for log, begin, end in ranges:
        if begin != end_of.get(log, 0):
            yield f"read ranges of log {log}: {end_of.get(log, 0)} is followed by {begin}"
        end_of[log] = end
    if sum(end_of.values()) != size_bytes:
        yield f"read ranges cover {sum(end_of.values())} of {size_bytes} bytes"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(args):
    """Directories and configuration: (logs, state, config, port)."""
    logs, state = (os.path.join(args.dir, name) for name in ("logs", "state"))
    os.makedirs(logs)
    os.makedirs(state)
    config = os.path.join(args.dir, "rollcall.yml")
    port = free_port()
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG.format(ledger=os.path.join(state, "ledger.db"), port=port, logs=logs))
    return logs, state, config, port


def exercise(args, logs, state, config, port):
    rnd = random.Random(args.seed)
    ledger = Ledger(os.path.join(state, "ledger.db"))
    watch = Watch(args.rollcall.split(), config, os.path.join(args.dir, "watch.log"), port)
    writer = LogWriter(logs, args.seed, args.rate, args.lines_a_file)
    writer.start()
    try:
        if args.mode == "kill":
            summary = "%d kills, %d with input uncommitted" % kill_rounds(args, writer, watch, ledger, rnd)
        else:
            summary = "disk full %d times, %d with input uncommitted, slowest recovery %.2f s" % (
                disk_full_rounds(args, writer, watch, ledger, rnd, state))
        writer.stop()
        watch.start()
        caught_up = wait_for(lambda: ledger.run_count() >= writer.lines, args.deadline,
                             f"the ledger has all {writer.lines} runs", watch)
        watch.terminate()
        found = list(differences(writer, ledger))
    finally:
        writer.stopping.set()
        watch.abandon()
        filler = os.path.join(state, "filler")
        if os.path.exists(filler):
            os.unlink(filler)
    for line in found[:50]:
        print(line)
    print(f"seed {args.seed}: {summary}; {writer.lines} runs, {writer.rotations} rotations, caught up in "
          f"{caught_up:.2f} s, {ledger.blind_intervals()} blind intervals: {len(found)} differences")
    return 1 if found else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rollcall", required=True, help="the binary, or a command")
    parser.add_argument("--mode", choices=("kill", "disk-full"), default="kill")
    parser.add_argument("--rounds", type=int, default=200, help="kills, or fillings, that count")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2000, help="lines a second")
    parser.add_argument("--lines-a-file", type=int, default=3000, help="about, before a rotation")
    parser.add_argument("--longest-run", type=float, default=0.5, help="seconds before a kill at most")
    parser.add_argument("--deadline", type=float, default=60, help="seconds to catch up at most")
    parser.add_argument("--tmpfs-size", default="1300m", help="disk-full: of the ledger's file system")
    parser.add_argument("--dir", help="empty or new; kept. Default: a temporary one, kept on failure")
    return parser.parse_args()


def main():
    args = arguments()
    temporary = args.dir is None
    args.dir = os.path.abspath(args.dir or tempfile.mkdtemp(prefix="rollcall-kill-"))
    if args.mode == "disk-full" and os.geteuid() != 0:
        print("kill.py: --mode disk-full mounts a tmpfs and needs root", file=sys.stderr)
        return 2
    logs, state, config, port = prepare(args)
    if args.mode == "disk-full":
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={args.tmpfs_size}", "tmpfs", state],
                       check=True)
    status = 1
    try:
        status = exercise(args, logs, state, config, port)
    except Failure as failure:
        print(f"seed {args.seed}: {failure}")
    finally:
        if args.mode == "disk-full":
            if status:
                shutil.copytree(state, os.path.join(args.dir, "state.kept"))
            subprocess.run(["umount", state], check=True)
        if status or not temporary:
            print(f"kept {args.dir}")
        else:
            shutil.rmtree(args.dir)
    return status


if __name__ == "__main__":
    sys.exit(main())
