"""Who competes: each one's command, and what it found, read from what it left in its directory.
Used by measure.py."""
import collections
import json
import os
import re
import sqlite3
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "../../build/bench")
ROLLCALL = os.path.join(BUILD, "monitor/app/rollcall")
DUCKDB = ["node", os.path.join(HERE, "duckdb.mjs")]

# `log` is the file it reads, `found` a function of its directory, `product` what it leaves on disk.
Contestant = collections.namedtuple("Contestant", "name title log command found product")


class Failed(Exception):
    """A contestant did not do its work."""


def check(found, truth):
    wrong = [f"{name} {value}, not {truth[name]}" for name, value in found.items()
             if value != truth[name]]
    if wrong:
        raise Failed("; ".join(wrong))


def output(directory, name="stdout"):
    with open(f"{directory}/{name}") as file:
        return file.read()


def found_by_wc(directory):
    return {"lines": int(output(directory).split()[0])}


def found_by_dd(directory):
    return {"bytes": int(re.search(r"(\d+) bytes", output(directory, "stderr"))[1])}


def found_by_rollcall(directory):
    ledger = sqlite3.connect(f"file:{directory}/ledger.db?mode=ro", uri=True)
    lines, lost = ledger.execute("SELECT count(*), sum(lost) FROM runs").fetchone()
    partitions, events, wrong = ledger.execute(
        "SELECT count(*), sum(actual), sum(missing + surplus) FROM balances").fetchone()
    ledger.close()
    return {"lines": lines, "partitions": partitions, "events": events, "missing": lost + wrong}


def asked_duckdb(directory, sql):
    return json.loads(subprocess.run([*DUCKDB, "query", f"{directory}/runs.db", sql], check=True,
                                     stdout=subprocess.PIPE).stdout)


def found_by_duckdb(directory):
    return {"lines": asked_duckdb(directory, "SELECT count(*) FROM runs")[0]}


def found_by_duckdb_with_balances(directory):
    partitions, events, missing = asked_duckdb(
        directory, "SELECT count(*), sum(actual), sum(abs(missing)) FROM balances")
    return {**found_by_duckdb(directory), "partitions": partitions, "events": events,
            "missing": missing}


def found_by_lnav(directory):
    names, values = output(directory, "counts.csv").splitlines()
    return {name: int(value) for name, value in zip(names.split(","), values.split(","))}


def found_by_mtail(directory):
    lines = project_days = 0
    with open(f"{directory}/stdout") as metrics:
        for metric in metrics:
            if metric.startswith("lines_total{"):
                project_days += 1
                lines += int(metric.rsplit(" ", 1)[1])
    return {"lines": lines, "project_days": project_days}


def contestants():
    def rollcall(log):
        return [ROLLCALL, "ingest", "--config", "../rollcall.yml", "--source", log, "--quiet",
                "--ledger", "ledger.db", f"../{log}.log"]

    def duckdb(verb):
        return [*DUCKDB, verb, "../json.log", "runs.db"]

    def lnav(query):
        return ["lnav", "-n", "-I", f"{HERE}/lnav", "-c", f";{query}", "-c",
                ":write-csv-to counts.csv", "../json.log"]

    counts = "SELECT project, day, count(*) AS n FROM compactd_log GROUP BY project, day"
    mtail = ["mtail", "-one_shot", "-one_shot_format", "prometheus", "-logtostderr", "-port", "0",
             "-progs", f"{HERE}/counts.mtail", "-logs", "../json.log"]
    return [
        Contestant("wc", "`wc -l`", "json", ["wc", "-l", "../json.log"], found_by_wc, None),
        Contestant("read", "read alone, `dd`", "json",
                   ["dd", "if=../json.log", "of=/dev/null", "bs=256k"], found_by_dd, None),
        Contestant("json", "**rollcall, JSON**", "json", rollcall("json"), found_by_rollcall,
                   "ledger.db"),
        Contestant("logfmt", "rollcall, logfmt", "logfmt", rollcall("logfmt"), found_by_rollcall,
                   "ledger.db"),
        Contestant("text", "rollcall, regex of twelve captures", "text", rollcall("text"),
                   found_by_rollcall, "ledger.db"),
        Contestant("duckdb", "DuckDB, rows alone", "json", duckdb("rows"), found_by_duckdb,
                   "runs.db"),
        Contestant("duckdb-balances", "DuckDB, rows and balances", "json", duckdb("balances"),
                   found_by_duckdb_with_balances, "runs.db"),
        Contestant("lnav", "lnav, index alone", "json",
                   lnav("SELECT count(*) AS lines FROM compactd_log"), found_by_lnav, None),
        Contestant("lnav-counts", "lnav, runs by project and day", "json",
                   lnav(f"SELECT sum(n) AS lines, count(*) AS project_days FROM ({counts})"),
                   found_by_lnav, None),
        Contestant("mtail", "mtail, runs by project and day", "json", mtail, found_by_mtail, None),
    ]
