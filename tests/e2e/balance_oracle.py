"""Books histories of one rewritten store by the words of the ledger's arithmetic, and shares no code
with rollcall. Slow and plain: every partition is booked from its first fact, again and again.

A fact is a dict with "kind" (run, failed, started, permit, gap), "t" (Unix ms) and, of a run, what
its line said; a count that the line did not carry is absent.
"""

MINUTE = 60_000
DAY = 86_400_000


class Permit:
    def __init__(self, events, expires):
        self.left, self.expires = events, expires


class Balance:
    def __init__(self):
        self.actual = None      # unknown
        self.missing = self.surplus = 0
        self.opening = "unopened"
        self.written_only = self.deleted_before = False
        self.gap = None         # since it was last observed: quarantined | blind
        self.permits = []

    @property
    def verdict(self):
        if self.missing > 0:
            return "firing"
        known = self.opening in ("known", "unverified") and not self.written_only and not self.gap
        return "clear" if known else "unknown"

    @property
    def expected(self):
        return None if self.actual is None else self.actual + self.missing - self.surplus

    def permitted(self, loss, now):
        """How much of a loss the permits explain; those that end first are used first."""
        used = 0
        valid = [p for p in self.permits if p.expires is None or p.expires >= now]
        for permit in sorted(valid, key=lambda p: float("inf") if p.expires is None else p.expires):
            take = min(permit.left, loss - used)
            permit.left -= take
            used += take
        return used


def is_retry(run, earlier):
    """After a crash: the same batch, read from where the earlier attempt had started, or found with
    what that one found."""
    return (run.get("batch") and run.get("batch") == earlier["fact"].get("batch")
            and run.get("existing") is not None and run["existing"] in (earlier["before"], earlier["fact"].get("existing"))
            and all(run.get(c) == earlier["fact"].get(c) for c in ("fresh", "duplicates", "deleted")))


def book_run(run, balance, watched, row):
    """What one finished run does. `row`: the same run in the format that it reads from, None where
    that format tells of none."""
    existing, fresh = run.get("existing"), run.get("fresh")
    booked = {"cause": None, "lost": 0, "surplus": 0, "came_back": 0, "opened": False}
    lost_in_gap = False
    if balance.actual is None:
        booked["opened"] = True
        balance.actual = existing or 0
        if existing:
            balance.opening = "unverified"
        else:
            balance.opening = "known" if existing == 0 and watched else "unknown"
        booked["before"] = existing
    else:
        if balance.gap and existing is not None:
            if existing > balance.actual:       # unseen, without alarm
                balance.actual = existing
            lost_in_gap = existing < balance.actual and balance.gap == "blind"
        booked["before"] = balance.actual
        if existing is None and balance.gap == "blind":
            lost_in_gap = True
    balance.gap = None
    before = balance.actual
    complete = existing is not None and fresh is not None
    balance.written_only = balance.written_only or not complete

    read = before if existing is None else existing
    duplicates, deleted = run["duplicates"], run["deleted"]
    if fresh is not None:
        if duplicates > read + fresh - (1 if read > 0 else 0):  # cannot be: nothing is believed
            duplicates = 0
        deleted = min(deleted, read + fresh - duplicates)
    booked["overstated"] = run["duplicates"] - duplicates + run["deleted"] - deleted
    unread = before - read
    dropped = read + (fresh or 0) + run["recovered"] - duplicates - deleted - run["written"]
    if fresh is None:
        dropped = max(0, dropped)
    net = unread + dropped

    balance.missing -= min(balance.missing, run["recovered"])
    if net > 0:
        booked["lost"] = net - balance.permitted(net, run["t"])
        balance.missing += booked["lost"]
    if net < 0 and complete:
        back = min(-net, max(0, -unread), balance.missing)
        balance.missing -= back
        booked["surplus"] = -net - back
        balance.surplus += booked["surplus"]
        if balance.deleted_before:
            booked["came_back"] = min(booked["surplus"], max(0, -unread))
    if booked["lost"]:
        if lost_in_gap and (dropped <= 0 or existing is None):
            booked["cause"] = "lost_in_gap"
        elif existing is None:
            booked["cause"] = "unexplained"
        elif row is not None:
            booked["cause"] = "existing_not_read" if row["before"] > existing else "dropped_in_merge"
            if row["cause"] in ("existing_not_read", "dropped_in_merge"):
                booked["cause"] = row["cause"]
        elif lost_in_gap:
            booked["cause"] = "dropped_in_merge"
        else:
            booked["cause"] = "existing_not_read" if unread > 0 else "dropped_in_merge"
    explained = run["duplicates"] + run["deleted"]
    booked["large"] = explained > 1000 and 2 * explained > (existing or 0) + (fresh or 0)
    balance.deleted_before = balance.deleted_before or run["deleted"] > 0
    balance.actual = run["written"]
    return booked


def book_permit(permit, balance):
    back = min(permit["events"], balance.missing)
    balance.missing -= back
    balance.permits.append(Permit(permit["events"] - back, permit.get("expires")))


class Alerts:
    """Which rules fire for one partition."""

    def __init__(self):
        self.firing = set()

    def _set(self, rule, firing):
        (self.firing.add if firing else self.firing.discard)(rule)

    def see(self, kind, balance, booked, deleted):
        for rule in ("count_drop", "lost_in_gap"):
            if balance.missing == 0:
                self.firing.discard(rule)
        if booked["lost"]:
            self.firing.add("lost_in_gap" if booked["cause"] == "lost_in_gap" else "count_drop")
        if kind == "run":
            self._set("surplus", booked["surplus"] > booked["came_back"])
            self._set("overstated", booked["overstated"] > 0 or booked["large"])
            if booked["came_back"]:
                self.firing.add("deleted_came_back")
            elif deleted > 0:
                self.firing.discard("deleted_came_back")
        if kind == "permit":
            self.firing.discard("deleted_came_back")


def book(facts, retired_at, watched, same_run):
    """Books one partition. `facts`: its own and the gaps of its source, in order. `watched(t)`: was
    the source watched without a gap from the day's begin to t. `same_run(run)`: see book_run.
    Returns the rows, in the order of the facts without the gaps, and the balance."""
    superseded = set()
    while True:
        balance, alerts, rows, last = Balance(), Alerts(), [], None
        retry_of = None
        retired = False
        for index, fact in enumerate(facts):
            kind = fact["kind"]
            if kind == "gap":
                if balance.gap != "blind":
                    balance.gap = fact["gap"]
                continue
            if retired_at is not None and fact["t"] >= retired_at and not retired:
                retired, alerts = True, Alerts()
                if rows:
                    gap = balance.gap
                    balance = Balance()
                    balance.gap, last = gap, None
            row = {"fact": fact, "index": index, "before": balance.actual, "lost": 0, "cause": None,
                   "superseded": index in superseded}
            if kind == "run" and index in superseded:
                last = {"fact": fact, "index": index, "before": balance.actual}
                row["before"] = superseded_before[index]
            elif kind == "run":
                if last and last["index"] not in superseded and is_retry(fact, last):
                    retry_of = last
                    break
                row.update(book_run(fact, balance, watched(fact["t"]), same_run(fact)))
                last = row
                alerts.see(kind, balance, row, fact["deleted"])
            elif kind == "permit":
                book_permit(fact, balance)
                alerts.see(kind, balance, row, 0)
            row["missing"] = balance.missing
            rows.append(row)
        if retry_of is None:
            return rows, balance, alerts.firing
        if not superseded:
            superseded_before = {}
        superseded.add(retry_of["index"])
        superseded_before[retry_of["index"]] = retry_of["before"]
