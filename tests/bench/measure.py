#!/usr/bin/env python3
"""Generates the logs, lets every contestant read them in turn, checks what each found against what
the generator wrote, and prints the medians as Markdown. run.sh builds first and then calls this.

Each contestant is a process of its own in a fresh directory, on the same two cores, after a sync,
with the log in the page cache. Exit 1 when one found something else than the truth; a time never
fails. Python 3.11, standard library only.
"""
import argparse
import collections
import datetime
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import live
import tables
from contestants import BUILD, HERE, Failed, check, contestants, output

MAKE_LOG = os.path.join(BUILD, "tests/bench/rollcall-make-log")
LINES_PER_MB = 3526  # of JSON

Result = collections.namedtuple("Result", "wall cpu resident size")


def read_through(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def product_size(directory, product):
    """The bytes of a database and of what belongs to it."""
    return sum(entry.stat().st_size for entry in os.scandir(directory)
               if entry.name.startswith(product))


def measure(contestant, scratch, truth):
    directory = f"{scratch}/{contestant.name}"
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    read_through(f"{scratch}/{contestant.log}.log")
    os.sync()
    # lnav keeps its state in HOME; the sums of dd and wc must not be translated.
    environment = {**os.environ, "HOME": directory, "LC_ALL": "C.UTF-8"}
    with open(f"{directory}/stdout", "wb") as out, open(f"{directory}/stderr", "wb") as err:
        start = time.monotonic()
        process = subprocess.Popen(contestant.command, cwd=directory, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        said = output(directory, "stderr")[-200:].strip()
        raise Failed(f"exit code {process.returncode}: {said}")
    check(contestant.found(directory), truth[contestant.log])
    size = product_size(directory, contestant.product) if contestant.product else None
    # The kernel counts this process in, until the exec: of the bare readers that is all there is.
    resident = None if contestant.name in ("wc", "read") else usage.ru_maxrss * 1024
    return Result(wall, usage.ru_utime + usage.ru_stime, resident, size)


def median(results):
    return Result(*(None if column[0] is None else statistics.median(column)
                    for column in zip(*results)))


def read_truth(text):
    """`5 lines, 3 project-days` as numbers by name."""
    truth = {name.replace("-", "_"): int(count)
             for count, name in re.findall(r"(\d+) ([a-z-]+)", text)}
    return {**truth, "missing": 0}


def make_log(log, scratch, lines):
    command = [MAKE_LOG, "--format", log, "--lines", str(lines), "--out", f"{scratch}/{log}.log"]
    return read_truth(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def make_live_lines(lines, live):
    """What follows in the JSON log after that many lines, and the truth about all of it."""
    command = [MAKE_LOG, "--lines", str(lines + live), "--out", "/dev/stderr"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        following = list(collections.deque(process.stderr, maxlen=live))
        return following, read_truth(process.stdout.read().decode())


def attempt(name, what, failures):
    """What it returns, or None and a failure: whatever it raises, it did not do its work."""
    print(f"{name} …", end=" ", flush=True)
    try:
        result = what()
    except Exception as failure:
        failures[name] = failure
        print(f"FAILED: {failure}", flush=True)
        return None
    print("done", flush=True)
    return result


def compete(rivals, rounds, scratch, truth, failures):
    """In rounds, so that what else happens on the machine strikes all alike."""
    results = collections.defaultdict(list)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}")
        for rival in rivals:
            if rival.name not in failures:
                result = attempt(rival.name, lambda: measure(rival, scratch, truth), failures)
                results[rival.name].append(result)
    return {name: median(each) for name, each in results.items() if name not in failures}


def run(args, names, scratch):
    """The report and what failed."""
    shutil.copy(f"{HERE}/rollcall.yml", scratch)
    # Before hours of work: these fail where a tool is missing.
    about = f"{tables.machine()}; {tables.versions()}."
    lines = args.size_mb * LINES_PER_MB
    truth = {log: make_log(log, scratch, lines) for log in ("json", "logfmt", "text")}
    rivals = [rival for rival in contestants() if rival.name in names]
    failures = {}
    results = compete(rivals, args.repetitions, scratch, truth, failures)
    watched = None
    if "watch" in names and "json" in results:
        following, truth_then = make_live_lines(lines, args.live_seconds * live.LINES_PER_SECOND)
        watched = attempt("watch", lambda: live.watch(scratch, following, truth_then), failures)
    command = shlex.join(["tests/bench/run.sh", *sys.argv[1:]])
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return (f"`{command}`, {today}, medians of {args.repetitions} rounds; {lines:,} lines, "
            f"{truth['json']['bytes']:,} bytes of JSON. {about}\n\n"
            f"{tables.results(rivals, results, lines)}\n"
            f"{tables.goals(results, watched, failures, lines)}"), failures


def main():
    names = [rival.name for rival in contestants()] + ["watch"]
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh")
    parser.add_argument("--size-mb", type=int, default=1000, help="of the JSON log; default 1000")
    parser.add_argument("--repetitions", type=int, default=3, help="rounds; default 3")
    parser.add_argument("--live-seconds", type=int, default=60, help="of watch; default 60")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help=f"one of {', '.join(names)}; repeatable")
    parser.add_argument("--directory", default=BUILD, help="where, on a disk, to put logs and "
                        "databases until the end; default build/bench")
    args = parser.parse_args()
    if tables.said("stat", "--file-system", "--format=%T", args.directory) in ("tmpfs", "ramfs"):
        parser.error(f"{args.directory} is in memory, where nothing is durable")
    # "On two cores", wherever this runs.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=args.directory) as scratch:
        chosen = args.only or names
        if "watch" in chosen:
            chosen.append("json")  # its ledger
        text, failures = run(args, chosen, os.path.abspath(scratch))
    print(f"\n{text}")
    if not args.only:
        tables.write_readme(text)
    for name, failure in failures.items():
        print(f"FAILED {name}: {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
