"""What was measured, as Markdown. Used by measure.py."""
import json
import os
import platform
import re
import subprocess

from contestants import HERE, ROLLCALL
from live import LINES_PER_SECOND

BEGIN, END = "<!-- results: written by run.sh -->\n", "<!-- end of results -->\n"


def row(*cells):
    return f"| {' | '.join(cells)} |\n"


def megabytes(size):
    return f"{size / 1e6:,.0f}"


def results(rivals, results, lines):
    table = row("", "wall s", "lines/s", "CPU s", "lines per CPU s", "resident MB", "bytes a run")
    table += row("---", *["---:"] * 6)
    for rival in rivals:
        if rival.name not in results:
            table += row(rival.title, "FAILED", *[""] * 5)
            continue
        result = results[rival.name]
        table += row(rival.title, f"{result.wall:.2f}", f"{lines / result.wall:,.0f}",
                     f"{result.cpu:.2f}", f"{lines / result.cpu:,.0f}",
                     megabytes(result.resident) if result.resident else "",
                     f"{result.size / lines:.1f}" if result.size else "")
    return table


def goals(results, watched, failures, lines):
    table = row("rollcall", "goal", "measured") + row("---", "---:", "---:")

    def ratio(title, goal, of, to, column):
        if of not in results or to not in results:
            return ""
        return row(title, goal,
                   f"{getattr(results[of], column) / getattr(results[to], column):.2f} times")

    if "json" in results:
        result = results["json"]
        table += row("backfill of JSON, lines/s", "at least 1,000,000",
                     f"{lines / result.wall:,.0f}")
        table += row("ledger, bytes a run", "at most 110", f"{result.size / lines:.1f}")
        table += row("resident in backfill, MB", "under 200", megabytes(result.resident))
    table += ratio("faster than DuckDB with balances", "over 1", "duckdb-balances", "json", "wall")
    table += ratio("faster than DuckDB, rows alone", "over 1", "duckdb", "json", "wall")
    table += ratio("lines per CPU s, of lnav's with counts", "at least 10", "lnav-counts", "json",
                   "cpu")
    table += ratio("lines per CPU s, of lnav's index alone", "", "lnav", "json", "cpu")
    table += ratio("lines per CPU s, of mtail's", "at least 20", "mtail", "json", "cpu")
    table += ratio("logfmt, time a line of JSON's", "at most 1.2", "logfmt", "json", "wall")
    table += ratio("regex, time a line of JSON's", "at most 2", "text", "json", "wall")
    table += ratio("JSON, time of the bare reading's", "", "json", "read", "wall")
    if watched:
        share, resident = watched
        table += row(f"`watch` at {LINES_PER_SECOND} lines/s, of a core", "under 2 %",
                     f"{share * 100:.1f} %")
        table += row("resident in `watch` on that ledger, MB", "under 64", megabytes(resident))
    elif "watch" in failures:
        table += row("`watch`", "", "FAILED")
    return table


def said(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                          check=True).stdout.strip()


def machine():
    with open("/proc/cpuinfo") as file:
        cpu = re.search(r"model name\s*: (.*)", file.read())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return (f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
            f"Linux {platform.release().partition('-')[0]}, {system}")


def commit():
    """Or nothing: a source archive has none."""
    described = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return described.stdout.strip()


def versions():
    with open(f"{HERE}/package.json") as file:
        duckdb = json.load(file)["dependencies"]["@duckdb/node-api"]
    mtail = re.search(r"version (\S+)", said("mtail", "--version"))[1]
    return (f"{said(ROLLCALL, '--version')} {commit()} by g++ "
            f"{said('g++', '-dumpfullversion')}, @duckdb/node-api {duckdb} on Node "
            f"{said('node', '--version')}, {said('lnav', '-V')}, mtail {mtail}")


def write_readme(text):
    path = f"{HERE}/README.md"
    with open(path) as file:
        head, _, rest = file.read().partition(BEGIN)
    with open(path, "w") as file:
        file.write(f"{head}{BEGIN}{text}{END}{rest.partition(END)[2]}")
