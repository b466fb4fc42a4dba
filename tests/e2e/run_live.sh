#!/bin/bash
# Live: from the write of a lossy line to the alert in /metrics, 300 times; prints median and 99th
# percentile and fails only when a loss does not show. And the demo, which must equal its own truth.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 "$here/live.py" --rollcall "$ROLLCALL" --directory "$work/live" --losses "${LOSSES:-300}"

"$ROLLCALL" demo --directory "$work/demo"
"$ROLLCALL" impact --config "$work/demo/rollcall.yml" --format json >"$work/impact.json"
python3 - "$work/impact.json" "$work/demo/truth.json" <<'END'
import json, sys
impact, truth = (json.load(open(name)) for name in sys.argv[1:])
for key, value in truth["totals"].items():
    if impact["totals"][key] != value:
        sys.exit(f"the demo: {key} is {value}, impact says {impact['totals'][key]}")
figures = ("expected", "actual", "missing", "surplus")
def by_partition(document):
    return {tuple(p[k] for k in ("server", "project", "day", "format")): [p[k] for k in figures]
            for p in document["partitions"] if p["missing"] > 0}
if by_partition(impact) != by_partition(truth):
    sys.exit("the demo: impact differs from the store's own files")
print(f"the demo: {len(by_partition(truth))} partitions as the store's own files say")
END
