"""The event store that incident.py simulates: versions of a compactor, and what the files of one
copy of a project's day hold, as sets of event ids. Used by incident.py only."""

from dataclasses import dataclass, field
from datetime import datetime

FORMATS = ("row", "columnar")


@dataclass(frozen=True)
class Version:
    """A release of the compactor: where its merge looks for the row file and where it writes it."""
    name: str
    reads: tuple          # directories in the order they are tried
    writes: str
    removes_others: bool  # unlinks the row files of other directories after the replacement


STEADY = Version("2016.02.18-3", ("row",), "row", False)
FIXED = Version("2016.02.23-1", ("row-v2", "row"), "row-v2", False)
HARMLESS = Version("2016.02.22-1", ("row",), "row", False)  # what the release would be if it were good


def lossy_version(old_files):
    return Version("2016.02.22-1", ("row",), "row-v2", old_files == "remove")


@dataclass
class Batch:
    """What one compaction of a project's day has to merge, the same for every copy."""
    batch_id: str
    raw: int                               # events as they came, repetitions included
    events: frozenset                      # the distinct ones
    deleted: frozenset = frozenset()       # a customer asked for it
    recovered: frozenset = frozenset()     # found again in a dead-letter queue


@dataclass
class Tally:
    """What the truth says about one partition."""
    runs: int = 0
    failed_runs: int = 0
    superseded_runs: int = 0
    writer: str = ""                       # version that wrote the present content
    losses: list = field(default_factory=list)


@dataclass
class Copy:
    """One project's day on one server: what its files hold and what they should hold."""
    server: int
    rows: dict = field(default_factory=dict)        # directory -> events in the row file there
    row_at: str = "row"                             # directory of the latest row file
    columnar: frozenset = frozenset()
    should: frozenset = frozenset()
    tallies: dict = field(default_factory=lambda: {f: Tally() for f in FORMATS})

    def held(self, fmt):
        return self.columnar if fmt == "columnar" else self.rows.get(self.row_at, frozenset())

    def merge_base(self, version):
        for directory in version.reads:
            if directory in self.rows:
                return self.rows[directory]
        return frozenset()

    def intact(self, version):
        return self.merge_base(version) == self.should == self.columnar


@dataclass
class ProjectDay:
    project: str
    day: datetime
    volume: int
    copies: list
    next_event: int = 0
    removed: frozenset = frozenset()  # deleted once: never sent again

    def fresh(self, count):
        first = self.next_event
        self.next_event += count
        return range(first, self.next_event)


def merge(base, batch):
    """What every version does with the base it found: (counts, merged events)."""
    deleted = (base | batch.events) & batch.deleted
    merged = (base | batch.events | batch.recovered) - deleted
    counts = {"existing": len(base), "new": batch.raw,
              "duplicates": batch.raw - len(batch.events - base), "deleted": len(deleted),
              "recovered": len(batch.recovered - base), "written": len(merged)}
    return counts, merged
