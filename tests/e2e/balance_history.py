#!/usr/bin/env python3
"""Holds the ledger against balance_oracle.py: random histories of compactions, read by
`rollcall ingest` in order, file by file in any order and in pieces, and compared with the views
`runs`, `balances` and `alerts`; `check ledger --rebuild` at the end of each.

    balance_history.py --rollcall PROGRAM --seconds 40 --seed 1
    balance_history.py --rollcall PROGRAM --only 1.17 --keep DIR     # one history, with its files
"""

import argparse
import collections
import datetime
import gzip
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import balance_oracle
from balance_oracle import DAY, MINUTE

START = 1_456_099_200_000  # 2016-02-22
FORMATS = ("row", "columnar")
RETENTION_DAYS = 4
STATUS = {"run": "ok", "failed": "error", "started": "begun"}
FIELDS = {"run": "run", "batch": "batch", "existing": "existing", "fresh": "new",
          "recovered": "recovered", "duplicates": "duplicates", "deleted": "deleted",
          "written": "written", "version": "version"}


def stamp(ms):
    moment = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def day_of(ms):
    return stamp(ms)[:10]


class Group:
    """One project-day on one server: what its files hold, as far as the generator cares."""

    def __init__(self, rng, number, begin):
        self.rng = rng
        self.key = (f"data-{rng.randint(1, 2)}", f"project-{number}", day_of(begin))
        self.day_start = begin
        self.formats = FORMATS if rng.random() < 0.5 else FORMATS[:1]
        self.with_run_ids = rng.random() < 0.85
        self.without = rng.choice([()] * 6 + [("existing", "fresh"), ("existing",), ("fresh",)])
        self.columnar_first = rng.random() < 0.2
        first = rng.choice([0, 0, rng.randint(1, 500)])
        self.held = {f: first for f in self.formats}
        self.attempt = None

    def counts(self, fmt):
        rng, held = self.rng, self.held[fmt]
        run = {"existing": held, "fresh": rng.choice([0, rng.randint(1, 60)]), "recovered": 0,
               "duplicates": 0, "deleted": 0}
        kind = rng.choice(["good"] * 8 + ["unread", "unread", "partly", "dropped", "more", "more",
                                          "recovered", "deleted", "deleted", "overstated", "large"])
        if kind == "unread":
            run["existing"] = 0
        elif kind == "partly":
            run["existing"] = rng.randint(0, held)
        elif kind == "more":
            run["existing"] = held + rng.randint(1, 120)
        elif kind == "recovered":
            run["recovered"] = rng.randint(1, 80)
        elif kind in ("deleted", "overstated", "large"):
            run["deleted"] = rng.randint(0, run["existing"])
            if kind == "overstated":
                run["deleted"] = run["existing"] + run["fresh"] + rng.randint(1, 50)
            if kind == "large":
                run["existing"], run["deleted"] = held + 1500, 1200
        if rng.random() < 0.3:
            run["duplicates"] = rng.randint(0, run["fresh"])
        net = run["existing"] + run["fresh"] + run["recovered"] - run["duplicates"] - run["deleted"]
        run["written"] = max(0, net)
        if kind == "dropped":
            run["written"] = rng.randint(0, run["written"])
        if rng.random() < 0.04:
            run["written"] += rng.randint(1, 30)
        return run

    def next_lines(self, number, t):
        """The lines of one compaction: a list of facts that share their time."""
        rng = self.rng
        batch = rng.choice([None, f"b{number}"])
        kind = "failed" if rng.random() < 0.08 else "run"
        facts = []
        for fmt in reversed(self.formats) if self.columnar_first else self.formats:
            if self.attempt and kind == "run":
                run = dict(self.attempt[fmt])
            else:
                run = self.counts(fmt)
                run["batch"] = batch
            if kind == "run":
                self.held[fmt] = run["written"]
            run = {"kind": kind, "format": fmt, "t": t, "run": f"{number}", **run}
            if kind == "failed":
                del run["written"]
            facts.append(run)
        if kind == "run":
            crashed = not self.attempt and batch and rng.random() < 0.3
            attempt = {f["format"]: {k: f[k] for k in (*FIELDS, ) if k in f and k != "run"}
                       for f in facts}
            if crashed:
                self.attempt = attempt
            else:
                self.attempt = None if rng.random() < 0.8 else self.attempt
        for fact in facts:
            fact["version"] = rng.choice(["1", "1", "2"])
            for name in self.without:
                fact.pop(name, None)
            if not self.with_run_ids:
                del fact["run"]
            if not fact["batch"]:
                del fact["batch"]
        return facts


class History:
    """A list of entries in order: (log, kind, ...) with kind line, junk or blind."""

    def __init__(self, seed):
        rng = self.rng = random.Random(seed)
        self.scattered = rng.random() < 0.4  # lines of one partition in several logs at once
        self.gaps = not self.scattered and rng.random() < 0.5
        self.blind = self.gaps and rng.random() < 0.5
        self.logs = rng.randint(1, 4)
        groups = [Group(rng, n, START + rng.randint(0, 2) * DAY) for n in range(rng.randint(1, 6))]
        steps = rng.randint(5, 60)
        pace = rng.choice([10 * MINUTE, 2 * 60 * MINUTE, 4 * 60 * MINUTE])
        t = max(g.day_start for g in groups) + 30 * MINUTE
        self.facts, self.entries, self.permits = [], [], []
        log, number, known, tie = 0, 0, [], False
        for step in range(steps):
            border = not self.scattered and step * self.logs // steps != log
            t_before, tied = t, step > 0 and tie
            tie = rng.random() < 0.15 and not border and not self.scattered
            t += 0 if tie and step else rng.randint(1, pace)
            if border:
                log += 1
                if self.blind and rng.random() < 0.6:
                    self.add_gap("blind", log, t)
            number += 1
            if border:  # what the log before it ended with may stand in this one once more
                repeated = [e for e in self.entries[-rng.randint(1, 4):]
                            if e[1] == "line" and e[0] == log - 1 and "run" in e[2]
                            and e[2]["t"] == t_before and not tied]
                self.entries.extend((log, *e[1:]) for e in repeated if rng.random() < 0.5)
            if known and rng.random() < 0.05:  # the same line again, later in its log
                entry = rng.choice(known)
                if "run" in entry[1]:
                    self.entries.append((entry[0], "line", entry[1], entry[2]))
                continue
            if self.gaps and not tie and rng.random() < 0.06:
                self.add_gap("quarantined", log, t)
                t += 1
            group = rng.choice(groups)
            # (With a second format whose line may come first nobody could tell which run is meant.)
            reused = number - 1 if len(group.formats) == 1 and rng.random() < 0.05 else number
            facts = group.next_lines(reused, t)
            if rng.random() < 0.1:
                started = [{**{k: f[k] for k in ("format", "t", "version", "run") if k in f},
                            "kind": "started"} for f in facts]
                t += 1
                facts = started + [{**f, "t": t} for f in facts]
            elif rng.random() < 0.05:
                facts = facts[:1]  # the other format's line never comes
            for fact in facts:
                if self.scattered:
                    fact["t"] = t = t + 1
                fact.setdefault("recovered", 0)
                fact.setdefault("duplicates", 0)
                fact.setdefault("deleted", 0)
                fact["key"] = (*group.key, fact["format"])
                self.facts.append(fact)
                known.append((self.place(log), fact, group))
                self.entries.append((known[-1][0], "line", fact, group))
            if rng.random() < 0.05:
                self.add_permit(rng.choice(facts)["key"], t + 1, t)
                t += 2
        self.logs = max((e[0] for e in self.entries), default=0) + 1

    def place(self, log):
        return self.rng.randrange(self.logs) if self.scattered else log

    def add_gap(self, kind, log, t):
        self.facts.append({"kind": "gap", "gap": kind, "t": t, "key": None})
        self.entries.append((log, "junk" if kind == "quarantined" else "blind", None, None))

    def add_permit(self, key, t, now):
        rng = self.rng
        permit = {"kind": "permit", "t": t, "key": key, "events": rng.randint(1, 100),
                  "id": f"op-{len(self.permits)}"}
        if rng.random() < 0.6:
            permit["expires"] = now + rng.randint(2, 24 * 60) * MINUTE + 30_000
        self.permits.append(permit)
        self.facts.append(permit)

    # Files ---------------------------------------------------------------------------------------

    def text_of(self, fact, group):
        line = {"ts": stamp(fact["t"]), "status": STATUS[fact["kind"]], "host": group.key[0],
                "project": group.key[1], "day": group.key[2], "format": fact["format"]}
        line.update((name, fact[field]) for field, name in FIELDS.items() if field in fact)
        return json.dumps(line)

    def write(self, directory):
        files = [[] for _ in range(self.logs)]
        for log, kind, fact, group in self.entries:
            if kind == "line":
                files[log].append(self.text_of(fact, group))
            elif kind == "junk":
                files[log].append('{"ts": broken')
        paths = []
        for number, lines in enumerate(files):
            paths.append(os.path.join(directory, f"compactd-{number}.log"))
            with open(paths[-1], "w", encoding="utf-8") as file:
                # No two logs are alike, else they would be one.
                file.write("".join(f"{line}\n" for line in [json.dumps({"log": number}), *lines]))
        with open(os.path.join(directory, "rollcall.yml"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(directory=directory, days=RETENTION_DAYS,
                                     reads="    reads: row\n"))
        if self.permits:
            os.mkdir(os.path.join(directory, "operator"))
            self.write_permits(os.path.join(directory, "operator", "operator.db"))
        return paths

    def write_permits(self, path):
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE entry(id TEXT PRIMARY KEY, kind TEXT NOT NULL, at INTEGER NOT "
                         "NULL, server TEXT NOT NULL, project TEXT NOT NULL, day TEXT NOT NULL, "
                         "format TEXT NOT NULL, version TEXT NOT NULL, detail TEXT NOT NULL) STRICT")
        for permit in self.permits:
            detail = {"kind": "decrease", "events": permit["events"]}
            if "expires" in permit:
                detail["expires_at"] = stamp(permit["expires"])
            database.execute("INSERT INTO entry VALUES (?,'permit',?,?,?,?,?,'',?)",
                             (permit["id"], permit["t"], *permit["key"], json.dumps(detail)))
        database.commit()
        database.close()

    # Truth ---------------------------------------------------------------------------------------

    def watched_since(self, day_start, now):
        for fact in self.facts:
            if fact["kind"] != "gap" or fact["t"] > now:
                continue
            # A blind interval is as long as our clock says: until now, years later.
            if fact["gap"] == "blind" or fact["t"] >= day_start:
                return False
        return True

    def expected(self):
        chains = collections.defaultdict(list)
        order = sorted(self.facts, key=lambda f: f["t"])  # stable: byte order where times are equal
        keys = {f["key"] for f in order if f["key"]}
        seen, gaps = set(), []
        for fact in order:
            if fact["kind"] == "gap":
                gaps.append(fact)
                for key in keys:
                    chains[key].append(fact)
                continue
            identity = (fact["key"], fact["kind"], fact["t"], fact.get("run"), fact.get("existing"),
                        fact.get("fresh"), fact.get("recovered"), fact.get("duplicates"),
                        fact.get("deleted"), fact.get("written"), fact.get("id"))
            if fact.get("run") and identity in seen:
                continue
            seen.add(identity)
            chains[fact["key"]].append(fact)
        result, row_rows = {}, {}
        newest = max((f["t"] for f in order if f["kind"] not in ("gap", "permit")), default=0)
        for fmt in FORMATS:  # row first: columnar is judged by it
            for key, facts in sorted(chains.items()):
                if key[3] != fmt:
                    continue
                day_start = START + (datetime.date.fromisoformat(key[2]) -
                                     datetime.date(2016, 2, 22)).days * DAY
                end = day_start + RETENTION_DAYS * DAY if fmt == "row" else None
                row = row_rows.get(key[:3], [])
                rows, balance, firing = balance_oracle.book(
                    facts, end, lambda t, d=day_start: self.watched_since(d, t),
                    lambda run, row=row, fmt=fmt: same_run(run, row) if fmt == "columnar" else None)
                if end is not None and newest >= end and all(x["fact"]["t"] < end for x in rows):
                    firing = set()  # gone rightly, and nothing reopened it
                result[key] = (rows, balance, firing)
                if fmt == "row":
                    row_rows[key[:3]] = rows
        return result


def same_run(run, rows):
    """The same run as the row format tells of it; None where it tells of none. Without run ids the
    time says which it is; a run id that is used again means the nearer one."""
    same = [row for row in rows if row["fact"]["kind"] == "run" and row["before"] is not None and
            row["fact"].get("run") == run.get("run") and
            (run.get("run") or row["fact"]["t"] == run["t"])]
    return min(same, key=lambda row: abs(row["fact"]["t"] - run["t"])) if same else None


CONFIG = """server: data-1
ledger: {directory}/ledger.db
compaction_logs:
  - name: compactd
    paths: ['{directory}/compactd-*.log']
    format: json
    outcome: {{field: status, failed: [error], started: [begun]}}
    match: {{status: [ok, error, begun]}}
    fields: {{time: ts, server: host, run: run, batch: batch, project: project, day: day, format: format,
             existing: existing, fresh: new, recovered: recovered, duplicates: duplicates,
             deleted: deleted, written: written, version: version}}
canonical_files:
  - format: columnar
    path: /data/columnar/{{project}}/{{day}}
    serving: true
{reads}  - format: row
    path: /data/row/{{project}}/{{day}}
    retention: {days}d
"""


# The ledger ------------------------------------------------------------------------------------

class Ledger:
    def __init__(self, program, directory, name):
        self.program, self.directory = program, directory
        self.path = os.path.join(directory, name + ".db")

    def call(self, *arguments, fine=(0,)):
        done = subprocess.run([self.program, *arguments, "--config", self.directory + "/rollcall.yml",
                               "--ledger", self.path], capture_output=True, text=True, check=False)
        if done.returncode not in fine:
            raise Difference(f"{' '.join(arguments)} ended with {done.returncode}:\n"
                             f"{done.stdout}{done.stderr}")
        return done.stdout

    def ingest(self, *paths):
        self.call("ingest", "--quiet", "--format", "json", *paths, fine=(0, 1, 3))

    def check(self):
        self.call("check", "ledger", "--rebuild")

    def read(self):
        database = sqlite3.connect(self.path)
        database.row_factory = sqlite3.Row
        runs = collections.defaultdict(list)
        for row in database.execute("SELECT * FROM runs"):
            runs[(row["server"], row["project"], row["day"], row["format"])].append(dict(row))
        balances = {(r["server"], r["project"], r["day"], r["format"]): dict(r)
                    for r in database.execute("SELECT * FROM balances")}
        alerts = collections.defaultdict(set)
        for r in database.execute("SELECT * FROM alerts WHERE state = 'firing'"):
            if r["project"]:
                alerts[(r["server"], r["project"], r["day"], r["format"])].add(r["rule"])
        lossy = sorted((r["f"], r["c"], r["v"] or "", r["runs"]) for r in database.execute(
            "SELECT f.text f, c.text c, v.text v, runs FROM lossy JOIN name f ON f.id = format "
            "JOIN name c ON c.id = lossy.cause LEFT JOIN name v ON v.id = lossy.version "
            "WHERE runs <> 0"))
        tallies = {r["f"]: (r["runs"], r["failed"], r["written"], r["missing"])
                   for r in database.execute("SELECT f.text f, t.* FROM tally t JOIN name f ON f.id = format")}
        database.close()
        return runs, balances, alerts, lossy, tallies


class Difference(Exception):
    pass


def sort_key(row):
    return tuple(str(row[k]) for k in ("at", "kind", "run", "existing", "fresh", "written", "deleted",
                                       "duplicates", "recovered", "batch", "position"))


def compare(expected, ledger, exact):
    runs, balances, alerts, lossy, tallies = ledger.read()
    problems = []

    def differ(key, what, theirs, ours):
        problems.append(f"{'/'.join(map(str, key))}: {what}: rollcall says {theirs}, the words say {ours}")

    if set(expected) != set(balances):
        differ(("all",), "partitions", sorted(set(balances) - set(expected)),
               sorted(set(expected) - set(balances)))
    truth_lossy = collections.Counter()
    for key, (rows, balance, firing) in sorted(expected.items()):
        theirs = collections.defaultdict(list)
        for row in sorted(runs.get(key, []), key=lambda r: (r["at"], r["log"], r["position"])):
            theirs[row["at"], row["kind"], str(row["run"])].append(row)
        for row in rows:
            fact = row["fact"]
            if fact["kind"] == "permit":
                continue
            kind = {"run": "run", "failed": "failed_run", "started": "started_run"}[fact["kind"]]
            name = (stamp(fact["t"]), kind, str(fact.get("run")))
            match = [r for r in theirs[name] if all(
                fact.get(c) == r[c] or (c in ("recovered", "duplicates", "deleted") and not r[c])
                for c in ("existing", "fresh", "written", "recovered", "duplicates", "deleted"))]
            if not match:
                differ(key, f"run {name}", "nothing", "it is there")
                continue
            theirs[name].remove(match[0])
            for column in ("before", "lost", "cause", "missing", "superseded"):
                if row["lost"]:
                    pass
                if row[column] != (match[0][column] or 0 if column == "superseded" else match[0][column]):
                    differ(key, f"{column} of run {name[2]} at {name[0]}", match[0][column], row[column])
            if row["lost"]:
                truth_lossy[key[3], row["cause"], fact.get("version", "")] += 1
        for name, rest in theirs.items():
            if rest:
                differ(key, f"run {name}", f"{len(rest)} more", "not there")
        their = balances.get(key)
        if their is None:
            continue
        for column in ("actual", "missing", "surplus", "opening", "expected"):
            if their[column] != getattr(balance, column):
                differ(key, column, their[column], getattr(balance, column))
        if their["verdict"] != balance.verdict:
            if exact or their["verdict"] == "clear":
                differ(key, "verdict", their["verdict"], balance.verdict)
        if alerts.get(key, set()) - {"compaction_overdue"} != firing:
            differ(key, "alerts", sorted(alerts.get(key, set())), sorted(firing))
        if "compaction_overdue" in alerts.get(key, set()):
            differ(key, "alerts", "compaction_overdue", "never in a backfill")
    ours = sorted((*k, n) for k, n in truth_lossy.items())
    if lossy != ours:
        differ(("all",), "lossy runs", lossy, ours)
    for fmt in FORMATS:
        rows = [(r, b) for key, (rs, b, _) in expected.items() if key[3] == fmt for r in rs]
        count = lambda kind: [r["fact"] for r, _ in rows if r["fact"]["kind"] == kind]
        ours = (len(count("run")), len(count("failed")), sum(f["written"] for f in count("run")),
                sum(b.missing for key, (_, b, _) in expected.items() if key[3] == fmt))
        if tallies.get(fmt, (0, 0, 0, 0)) != ours:
            differ((fmt,), "totals", tallies.get(fmt), ours)
    if problems:
        raise Difference("\n".join(problems))


def write_cut_archive(directory, number):
    """A rotated log that is cut off: what is not in it was never read."""
    path = os.path.join(directory, f"cut-{number}.log.gz")
    lines = b"".join(b'{"event":"other","log":%d,"line":%d}\n' % (number, i) for i in range(100))
    with open(path, "wb") as file:
        file.write(gzip.compress(lines)[:-12])
    return path


def run_history(program, seed, directory):
    history = History(seed)
    paths = history.write(directory)
    expected = history.expected()
    # In order, as people do it: all files at once, or one after the other where there is a blind span.
    ledger = Ledger(program, directory, "ledger")
    if history.blind:
        for number, path in enumerate(paths):
            if any(e[0] == number and e[1] == "blind" for e in history.entries):
                ledger.ingest(write_cut_archive(directory, number))
            ledger.ingest(path)
    else:
        ledger.ingest(*paths)
    steps = [("in order", ledger, True)]
    compare_and_check(expected, *steps[0])
    if history.gaps:
        return history
    # In any order and in pieces.
    rng = random.Random(seed + "/order")
    ledger = Ledger(program, directory, "shuffled")
    pieces = os.path.join(directory, "pieces")
    os.mkdir(pieces)
    calls = []
    for path in paths:
        whole = open(path, "rb").read()
        lines = whole.split(b"\n")
        cuts = sorted(rng.sample(range(1, len(lines) + 1), min(len(lines), rng.randint(0, 2))))
        ends = [len(b"\n".join(lines[:c])) + 1 for c in cuts] + [len(whole)]
        calls.append([(path, min(e, len(whole))) for e in ends])
    while calls:
        calls_of = rng.choice(calls)
        path, end = calls_of.pop(0)
        if not calls_of:
            calls.remove(calls_of)
        piece = os.path.join(pieces, os.path.basename(path))
        with open(piece, "wb") as file:
            file.write(open(path, "rb").read()[:end])
        ledger.ingest(piece)
    compare_and_check(expected, "shuffled", ledger, True)
    return history


def compare_and_check(expected, how, ledger, exact):
    try:
        compare(expected, ledger, exact)
        ledger.check()
    except Difference as difference:
        raise Difference(f"read {how}:\n{difference}") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--only", help="the number of one history, as a failure prints it")
    parser.add_argument("--keep", help="leave its files there")
    parser.add_argument("--failures", type=int, default=1, help="stop after so many")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    began, number, failures = time.monotonic(), 0, 0
    partitions = runs = 0
    while time.monotonic() - began < options.seconds:
        number += 1
        name = options.only or f"{options.seed}.{number}"
        directory = tempfile.mkdtemp(prefix="rollcall-")
        try:
            history = run_history(options.rollcall, name, directory)
            partitions += len({f["key"] for f in history.facts if f["key"]})
            runs += len(history.facts)
        except Difference as difference:
            failures += 1
            print(f"history {name} differs, {difference}\n")
        finally:
            if options.keep:
                shutil.rmtree(options.keep, ignore_errors=True)
                shutil.copytree(directory, options.keep)
            shutil.rmtree(directory)
        if options.only or failures >= options.failures:
            break
    print(f"{number} histories of {partitions} partitions and {runs} facts, {failures} differ")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
