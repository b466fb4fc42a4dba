"""What is replaced is kept, on real files and real processes: the incident loses the events of whole
days, `impact` says where they are, `restore` writes them back beside the canonical files, and restored
and current file together hold exactly what was ever written. The truth is the event ids themselves.
Then what was kept goes: deleted events, the window, a copy that somebody removed; and rollcall is killed
again and again while files are replaced.
"""

import argparse
import os
import signal
import subprocess
import sys
import time

from files import PROJECTS, Store, Watch, check, configure

DAY = "2016-02-23"


def events_in(path):
    with open(path) as file:
        return set(file.read().split())


def preserve(directory, window):
    return f"preserve: {{formats: [columnar, row], directory: {directory}/data/.kept, window: {window}}}\n"


def start(options, name, window="1h", logged=True):
    directory = f"{options.directory}/{name}"
    for part in ("row", "columnar"):
        os.makedirs(f"{directory}/data/{part}")
    open(f"{directory}/compactd.log", "w").close()
    configure(directory, options.port, preserve(directory, window))
    print(name)
    return Store(directory, logged), Watch(options.rollcall, directory, options.port)


def kept_of(watch, **wanted):
    return [row for row in watch.say("kept") or [] if all(row[key] == value for key, value in wanted.items())]


def written(store, project):
    """All that ever was in the project's day."""
    return {f"{project}-{DAY}-{n}" for n in range(store.expected[(project, DAY)])}


def restored(watch, project, wanted):
    done = subprocess.run([watch.rollcall, "restore", project, DAY, "--missing", "--config",
                           f"{watch.directory}/rollcall.yml"], capture_output=True, text=True)
    check(done.returncode == 0 and "matches" in done.stdout, f"{project}: {wanted} restored and counted"
          if done.returncode == 0 else f"restore said {done.returncode}: {done.stdout}{done.stderr}")


def incident(options, logged):
    store, watch = start(options, "logged" if logged else "files alone", logged=logged)
    counted = lambda rows: all(any(row["rows"] == rows and row["replaced_at"] is None
                                   for row in kept_of(watch, project=project, format="columnar"))
                               for project in PROJECTS)
    for project in PROJECTS:
        store.compact(project, DAY, "2", 300, row_to="row-v2")
    watch.wait("the first generations to be kept and counted", lambda: counted(300))
    for project in PROJECTS:
        store.compact(project, DAY, "2", 20, row_to="row-v2")
    watch.wait("the second ones", lambda: counted(20))
    for project in PROJECTS:
        store.compact(project, DAY, "2", 3, row_to="row-v2")
    # Of files alone nobody knows that late events came besides what was there before.
    want = (320 if logged else 300 - 3) * len(PROJECTS)
    found = watch.wait("all losses", lambda: (lambda impact: impact if impact["totals"]["events_missing"] == want
                                              else None)(watch.say("impact")))
    check(found["totals"]["events_recoverable"] == want, f"all {want} lost events can be put back")
    for project in PROJECTS:
        restored(watch, project, "what is missing")
        path = f"{store.data}/columnar/{project}"
        now = events_in(f"{path}/{DAY}.col")
        for name in os.listdir(path):
            if ".restored-" in name:
                now |= events_in(f"{path}/{name}")
        check(now == written(store, project), f"{project}: with them the day holds its {len(now)} events, no more")
    again = subprocess.run([watch.rollcall, "restore", PROJECTS[0], DAY, "--missing", "--config",
                            f"{watch.directory}/rollcall.yml"], capture_output=True, text=True)
    check(again.returncode == 3, "nothing that is there is written over")
    # What is seen later than the restored files has been told.
    store.compact(PROJECTS[0], "2016-02-24", "2", 4, row_to="row-v2")
    watch.wait("a later file", lambda: kept_of(watch, day="2016-02-24", format="columnar", rows=4))
    paths = [file["path"] for project in PROJECTS for file in watch.say("files", project, DAY)["files"]]
    check(paths and not any(".restored-" in path for path in paths) and not watch.alerts("surplus"),
          "what was restored is not taken for a canonical file")
    watch.stop()
    checked = subprocess.run([options.rollcall, "check", "ledger", "--rebuild", "--ledger",
                              f"{watch.directory}/ledger.db"], capture_output=True, text=True)
    check(checked.returncode == 0, "the ledger can be made again from its facts " + checked.stdout.strip())


def releases(options):
    store, watch = start(options, "releases", window="4s")
    project = PROJECTS[0]
    store.compact(project, DAY, "1", 100)
    watch.wait("it to be kept", lambda: kept_of(watch, project=project, format="columnar"))
    first = kept_of(watch, project=project, format="columnar")[0]
    check(os.path.samefile(first["copy"], first["path"]) or first["method"] == "reflink",
          f"a generation is kept as a {first['method']}")
    check(os.stat(f"{store.data}/.kept").st_mode & 0o777 == 0o700, "in a directory that is nobody else's")
    store.compact(project, DAY, "1", 10)
    watch.wait("its window to end", lambda: not kept_of(watch, generation=first["generation"]))
    check(not os.path.exists(first["copy"]), "after its window the copy is removed")
    last = watch.wait("the next one", lambda: kept_of(watch, project=project, format="columnar"))[0]
    check(last["replaced_at"] is None and os.path.exists(last["copy"]), "and what replaced it is kept")
    os.unlink(last["copy"])
    watch.wait("the copy to be missed", lambda: not kept_of(watch, generation=last["generation"]))
    check(True, "a copy that somebody removed is not said to be kept")

    # A loss: what it needs is kept although the window ends.
    store.compact(PROJECTS[1], DAY, "2", 50, row_to="row-v2")
    watch.wait("it to be kept and counted", lambda: kept_of(watch, project=PROJECTS[1], format="columnar", rows=50))
    store.compact(PROJECTS[1], DAY, "2", 5, row_to="row-v2")
    held = watch.wait("the alert", lambda: [row for row in kept_of(watch, project=PROJECTS[1], rows=50) if row["needed"]])
    # Another that is replaced later, and that nobody needs, goes before it.
    store.compact(PROJECTS[3], DAY, "1", 60)
    other = watch.wait("another one", lambda: kept_of(watch, project=PROJECTS[3], format="columnar"))[0]
    store.compact(PROJECTS[3], DAY, "1", 6)
    watch.wait("its window to end", lambda: not kept_of(watch, generation=other["generation"]))
    check(kept_of(watch, generation=held[0]["generation"]), "what an open alert needs outlives its window")

    # In place: on a file system without reflinks the copy is void, and nobody claims it.
    store.compact(PROJECTS[2], DAY, "1", 40)
    before = watch.wait("a third one", lambda: kept_of(watch, project=PROJECTS[2], format="columnar"))[0]
    with open(before["path"], "r+") as file:
        file.truncate(10)
    if before["method"] == "link":
        watch.wait("the void copy to go", lambda: not kept_of(watch, generation=before["generation"]))
        check(True, "the link of a file that was rewritten in place is not said to be kept")
    else:
        check(len(events_in(before["copy"])) == 40, "a reflink keeps what was truncated in place")
    watch.stop()


def kills(options):
    """Killed at any moment; what was replaced meanwhile and linked by then is found again."""
    store, watch = start(options, "killed")
    for turn in range(8):
        for project in PROJECTS:
            store.compact(project, DAY, "1", 5)
        time.sleep(0.02 * turn)
        watch.process.send_signal(signal.SIGKILL)
        watch.process.wait()
        watch.errors.close()
        watch = Watch(options.rollcall, watch.directory, options.port)
    copies = {os.path.join(path, name) for path, _, names in os.walk(f"{store.data}/.kept") for name in names}
    watch.wait("all copies to be known", lambda: {row["copy"] for row in kept_of(watch)} == copies)
    check(len(copies) >= 2 * len(PROJECTS), f"all {len(copies)} copies on the disk are in the ledger, and no others")
    current = [row for row in kept_of(watch, format="columnar") if row["replaced_at"] is None]
    check(len(current) == len(PROJECTS), "the current generation of each file is among them")
    watch.stop()
    checked = subprocess.run([options.rollcall, "check", "ledger", "--rebuild", "--ledger",
                              f"{watch.directory}/ledger.db"], capture_output=True, text=True)
    check(checked.returncode == 0, "the ledger can be made again from its facts " + checked.stdout.strip())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--port", type=int, default=39741)
    options = parser.parse_args()
    incident(options, logged=True)
    incident(options, logged=False)
    releases(options)
    kills(options)


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        for watch in Watch.all:
            if watch.process.poll() is None:
                watch.process.kill()
