"""The log that kill.py writes while it kills its reader, and the truth about it. Lines are appended
by one thread, some of them in two writes; the log is rotated by renaming, the second sibling and
older ones are compressed, none is ever deleted. Used by kill.py only."""

import gzip
import json
import os
import random
import shutil
import threading
import time
from datetime import datetime, timedelta, timezone

LOSS_ODDS = 0.02  # runs that read nothing
RUN_COLUMNS = ("existing", "fresh", "recovered", "duplicates", "deleted", "written", "lost", "missing")


class Truth:
    """What the ledger must say of every run and every partition in the end."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.actual = {}    # partition -> events in its file
        self.missing = {}   # partition -> events lost
        self.runs = []      # (partition, run id, counts)
        today = datetime.now(timezone.utc)
        days = [f"{today - timedelta(days=back):%Y-%m-%d}" for back in range(3)]
        self.partitions = [(f"project-{p}", day, "row") for p in range(20) for day in days]

    def next_line(self):
        rnd = self.random
        partition = rnd.choice(self.partitions)
        actual = self.actual.get(partition, 0)
        existing = 0 if rnd.random() < LOSS_ODDS else actual
        fresh = rnd.randrange(0, 50)
        duplicates = rnd.randrange(0, fresh + 1) if rnd.random() < 0.2 else 0
        deleted = rnd.randrange(0, existing // 4 + 1) if rnd.random() < 0.05 else 0
        written = existing + fresh - duplicates - deleted
        lost = actual - existing
        self.actual[partition] = written
        self.missing[partition] = self.missing.get(partition, 0) + lost
        run = f"r{len(self.runs) + 1}"
        counts = (existing, fresh, 0, duplicates, deleted, written, lost, self.missing[partition])
        self.runs.append((partition, run, dict(zip(RUN_COLUMNS, counts))))
        project, day, fmt = partition
        now = datetime.now(timezone.utc)
        return json.dumps({
            "ts": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z",
            "level": "info", "event": "compaction_finished", "run": run, "batch": f"b{run}",
            "project": project, "day": day, "format": fmt, "existing": existing, "new": fresh,
            "duplicates": duplicates, "deleted": deleted, "recovered": 0, "written": written,
            "version": "2016.02.18-3", "path": f"/data/row/{project}/{day}.evt"}) + "\n"


class LogWriter(threading.Thread):
    """Appends lines until stop(); `lines` and `size_bytes` are what is wholly in the files by now."""

    def __init__(self, directory, seed, rate, lines_a_file):
        super().__init__(daemon=True)
        self.truth = Truth(seed)
        self.random = random.Random(seed + 1)
        self.path = os.path.join(directory, "compactd.log")
        self.rate = rate
        self.lines_a_file = lines_a_file
        self.lines = self.size_bytes = self.rotations = 0
        self.error = None
        self.stopping = threading.Event()

    def stop(self):
        self.stopping.set()
        self.join()
        if self.error:
            raise self.error

    def run(self):
        try:
            self.write()
        except OSError as error:
            self.error = error

    def write(self):
        file = open(self.path, "ab", buffering=0)
        in_file, started = 0, time.monotonic()
        while not self.stopping.is_set():
            for _ in range(self.random.randrange(1, 40)):
                self.append(file, self.truth.next_line().encode())
                in_file += 1
            if in_file > self.lines_a_file * self.random.uniform(0.5, 1.5):
                file.close()
                self.rotate()
                file = open(self.path, "ab", buffering=0)
                in_file = 0
            self.stopping.wait(max(0, started + self.lines / self.rate - time.monotonic()))
        file.close()

    def append(self, file, line):
        cut = self.random.randrange(1, len(line)) if self.random.random() < 0.05 else len(line)
        file.write(line[:cut])
        if cut < len(line):
            self.stopping.wait(0.001)
            file.write(line[cut:])
        self.size_bytes += len(line)
        self.lines += 1

    def rotate(self):
        """As logrotate does with `delaycompress`: for a moment .1 and .2.gz are the same content."""
        for number in range(self.rotations, 1, -1):
            os.rename(f"{self.path}.{number}.gz", f"{self.path}.{number + 1}.gz")
        if self.rotations >= 1:
            with open(f"{self.path}.1", "rb") as plain, gzip.open(f"{self.path}.2.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            os.unlink(f"{self.path}.1")
        os.rename(self.path, f"{self.path}.1")
        self.rotations += 1
