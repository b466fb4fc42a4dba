#!/usr/bin/env python3
"""Reads real compaction logs with `rollcall ingest --preset` and with compaction_logs.py, which shares no
code with it, and compares: every run and its counts, what is live, every identity, every alert. Then the
same with one thing in the log changed. Prints each difference; exit 1 when there is one.

    check_real_logs.py --rollcall PATH rocksdb|cassandra LOG
"""

import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import compaction_logs as logs

CONFIG = """compaction_logs:
  - name: log
    preset: {preset}
    paths: ['{log}']
    {key}
"""
KEYS = {"rocksdb": "partition: '{project}/{day}'", "cassandra": "expires: [system.compaction_history]"}


class Checker:
    def __init__(self, rollcall, preset):
        self.rollcall, self.preset, self.failures = rollcall, preset, 0

    def expect(self, what, got, wanted):
        if got == wanted:
            return
        self.failures += 1
        print(f"{what}:\n  got      {short(got)}\n  expected {short(wanted)}")

    def read(self, lines, key=None, older=None):
        """The ledger's views and the alerts, of a log and the one that was rotated away before it."""
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            (directory / "LOG").write_text("".join(line + "\n" for line in lines))
            if older:
                (directory / "LOG.old.1795378901000000").write_text("".join(f"{l}\n" for l in older))
            ledger, config = directory / "ledger.db", directory / "rollcall.yml"
            config.write_text(CONFIG.format(preset=self.preset, log=directory / "LOG",
                                            key=KEYS[self.preset] if key is None else key))
            where = ["--config", config, "--ledger", ledger]
            ingest = json.loads(self.run("ingest", *where))
            alerts = json.loads(self.run("alerts", "--state", "all", *where))
            return ingest, Views(ledger), alerts

    def run(self, verb, *options):
        done = subprocess.run([self.rollcall, verb, *map(str, options), "--format", "json"], check=True,
                              stdout=subprocess.PIPE, text=True)
        return done.stdout


def short(value):
    text = repr(value)
    return text if len(text) < 900 else text[:900] + "…"


class Views:
    def __init__(self, ledger):
        database = sqlite3.connect(ledger)
        database.row_factory = sqlite3.Row
        self.runs = [dict(row) for row in database.execute("SELECT * FROM runs WHERE kind = 'run'")]
        self.balances = {partition_of(row): dict(row)
                         for row in database.execute("SELECT * FROM balances")}
        self.blind = database.execute("SELECT count(*) FROM blind_intervals").fetchone()[0]
        database.close()

    def listed(self):
        for row in self.runs:
            detail = json.loads(row["detail"])
            yield {"partition": partition_of(row), "kind": detail["kind"], "run": str(row["run"]),
                   "existing": row["existing"], "fresh": row["fresh"], "written": row["written"],
                   "inputs": sorted(detail["inputs"]),
                   "outputs": sorted(output["segment"] for output in detail["outputs"])}


def partition_of(row):
    return row["project"] if row["day"] == "-" else f"{row['project']}/{row['day']}"


def said(alerts, views):
    def partition(labels):
        return labels["project"] if labels["day"] == "-" else f"{labels['project']}/{labels['day']}"
    return {(name := partition(a["labels"]), a["rule"], a["cause"], a["severity"],
             views.balances[name]["missing"]) for a in alerts}


def in_order(runs):
    return sorted(runs, key=lambda run: json.dumps(run, sort_keys=True))


def check_rocksdb(check, lines):
    truth = logs.rocksdb_truth(lines)
    check.expect("identities of the log", truth["broken"], [])
    ingest, views, alerts = check.read(lines)
    check.expect("quarantined and blind", (ingest["quarantined_lines"], views.blind), (0, 0))
    check.expect("runs", in_order(views.listed()), in_order(truth["runs"]))
    check.expect("live records", {name: row["actual"] for name, row in views.balances.items()},
                 truth["actual"])
    check.expect("alerts", said(alerts, views), set())
    check.expect("verdicts", {row["verdict"] for row in views.balances.values()}, {"clear"})
    runs = in_order(views.listed())
    for what, changed in logs.rocksdb_rewrites(lines):
        _, views, alerts = check.read(changed)
        check.expect(f"{what}: runs", in_order(views.listed()), runs)
        check.expect(f"{what}: alerts", said(alerts, views), set())
    older, newer = logs.restarted(lines)
    _, views, alerts = check.read(newer, older=older)
    anonymous = lambda runs: in_order({**run, "run": None} for run in runs)
    check.expect("job ids restart: runs", anonymous(views.listed()), anonymous(truth["runs"]))
    check.expect("job ids restart: alerts", said(alerts, views), set())
    for what, changed, wanted in logs.rocksdb_changes(lines):
        _, views, alerts = check.read(changed)
        check.expect(f"{what}: alerts", said(alerts, views), wanted)
    return truth


def check_cassandra(check, lines):
    truth = logs.cassandra_truth(lines)
    check.expect("identities of the log", truth["broken"], [])
    ingest, views, alerts = check.read(lines)
    check.expect("quarantined and blind", (ingest["quarantined_lines"], views.blind), (0, 0))
    runs = [{name: value for name, value in run.items() if name != "run"} for run in views.listed()]
    check.expect("runs", in_order(runs), in_order(truth["runs"]))
    check.expect("alerts with the time to live declared", said(alerts, views), set())
    _, views, alerts = check.read(lines, key="unit: partitions")
    check.expect("alerts without it", said(alerts, views),
                 {(table, "count_drop", "dropped_in_merge", "critical", records)
                  for table, records in truth["deficit"].items()})
    check.expect("tables with a deficit", set(truth["deficit"]), {"system.compaction_history"})
    for what, changed, wanted in logs.cassandra_changes(lines):
        _, views, alerts = check.read(changed)
        check.expect(f"{what}: alerts", said(alerts, views), wanted)
    return truth


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("preset", choices=["rocksdb", "cassandra"])
    parser.add_argument("log")
    options = parser.parse_args()
    check = Checker(options.rollcall, options.preset)
    lines = pathlib.Path(options.log).read_text(errors="replace").splitlines()
    truth = (check_rocksdb if options.preset == "rocksdb" else check_cassandra)(check, lines)
    kinds = [run["kind"] for run in truth["runs"]]
    print(f"{options.preset}: {kinds.count('compaction')} compactions and {kinds.count('flush')} flushes, "
          f"{check.failures} differences")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
