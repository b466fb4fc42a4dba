#!/usr/bin/env python3
"""A stand-in for `rollcall watch`, only for testing kill.py: it reads the log and its siblings as one
stream, oldest first, which works because kill.py deletes none. NAIVE_BUG makes it wrong in a way that
kill.py must notice: `position_first` commits its position before the runs, `runs_first` the other
way round, `wrong_count` spoils one run in a thousand, `quiet` skips a line now and then.

    kill.py --rollcall tests/e2e/naive_watch.py --rounds 50
"""

import glob
import gzip
import json
import os
import random
import re
import signal
import sqlite3
import sys
import time

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs(seq INTEGER PRIMARY KEY, project, day, format, run, existing, fresh,
  recovered, duplicates, deleted, written, lost, missing);
CREATE TABLE IF NOT EXISTS balances(project, day, format, expected, actual, missing, surplus,
  PRIMARY KEY (project, day, format));
CREATE TABLE IF NOT EXISTS read_ranges(log, "begin", "end");
CREATE TABLE IF NOT EXISTS blind_intervals(reason);
"""
BATCH_BYTES = 64 << 10


def stream(path, position):
    """The whole lines after `position`, up to about BATCH_BYTES of them."""
    names = sorted(glob.glob(path + ".*.gz"), key=lambda n: -int(re.search(r"\.(\d+)\.gz$", n)[1]))
    names += [path + ".1", path]
    data, skipped = b"", 0
    for name in names:
        with (gzip.open if name.endswith(".gz") else open)(name, "rb") as file:
            content = file.read()
        begin = max(0, position - skipped)
        data += content[begin:]
        skipped += len(content)
        if len(data) > BATCH_BYTES:
            break
    return data[:data.rfind(b"\n") + 1]


def settled_stream(path, position):
    """A rotation in between would move files under the reader's feet: then it reads again."""
    while True:
        before = sorted(glob.glob(path + "*"))
        inodes = [os.stat(name).st_ino for name in before if os.path.exists(name)]
        try:
            data = stream(path, position)
            after = sorted(glob.glob(path + "*"))
            if after == before and [os.stat(name).st_ino for name in after] == inodes:
                return data
        except (OSError, EOFError):
            pass
        time.sleep(0.01)


def book(database, line, bug):
    d = json.loads(line)
    key = (d["project"], d["day"], d["format"])
    row = database.execute("SELECT actual, missing FROM balances WHERE project=? AND day=? AND format=?",
                           key).fetchone() or (d["existing"], 0)
    lost = (row[0] + d["new"] + d["recovered"] - d["duplicates"] - d["deleted"] - d["written"])
    missing = row[1] + max(lost, 0)
    written = d["written"] + (bug == "wrong_count" and random.random() < 0.001)
    database.execute("INSERT INTO runs VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)",
                     (*key, d["run"], d["existing"], d["new"], d["recovered"], d["duplicates"],
                      d["deleted"], written, max(lost, 0), missing))
    database.execute("INSERT OR REPLACE INTO balances VALUES (?,?,?,?,?,?,0)",
                     (*key, d["written"] + missing, d["written"], missing))


def take_batch(database, path, bug):
    position = database.execute('SELECT coalesce(max("end"), 0) FROM read_ranges').fetchone()[0]
    data = settled_stream(path, position)
    if not data:
        time.sleep(0.01)
        return

    def advance():
        database.execute("INSERT INTO read_ranges VALUES (1, ?, ?)", (position, position + len(data)))

    database.execute("BEGIN IMMEDIATE")
    if bug == "position_first":
        advance()
        database.execute("COMMIT")
        database.execute("BEGIN IMMEDIATE")
    for line in data.splitlines():
        if bug != "quiet" or random.random() > 0.0005:
            book(database, line, bug)
    if bug == "runs_first":
        database.execute("COMMIT")
        database.execute("BEGIN IMMEDIATE")
    if bug != "position_first":
        advance()
    database.execute("COMMIT")


def open_ledger(config):
    database = sqlite3.connect(re.search(r"ledger: (.*)", config)[1], isolation_level=None, timeout=10)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(SCHEMA)
    return database


def main():
    with open(sys.argv[sys.argv.index("--config") + 1], encoding="utf-8") as file:
        config = file.read()
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    path = re.search(r'paths: \["(.*)"\]', config)[1]
    database = None
    while not stopping:
        try:
            database = database or open_ledger(config)
            take_batch(database, path, os.environ.get("NAIVE_BUG"))
        except (sqlite3.OperationalError, sqlite3.DatabaseError):  # disk full: open anew, try again
            if database:
                database.close()
            database = None
            time.sleep(0.05)


if __name__ == "__main__":
    main()
