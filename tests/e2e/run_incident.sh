#!/bin/bash
# The incident at full size in each of the three log formats: `impact` must equal the generator's own
# truth, a healthy history of the same size must raise nothing, and reading everything twice must
# change nothing. The seed is random and printed; SEED repeats one.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
seed=${SEED:-$RANDOM}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "seed $seed"

number() { python3 -c "import json,sys; print(json.load(sys.stdin)$1)"; }

for format in json logfmt regex; do
  dir=$work/$format
  python3 "$here/incident.py" --out "$dir" --seed "$seed" --format "$format" | tail -1
  with=(--config "$dir/rollcall.yml" --ledger "$dir/ledger.db")
  "$ROLLCALL" ingest "${with[@]}" --format json >"$dir/first.json"
  "$ROLLCALL" impact "${with[@]}" --format json >"$dir/impact.json"
  python3 "$here/check_impact.py" --runs-are lossy "$dir/truth.json" <"$dir/impact.json"

  # Reading anything twice changes nothing: by position, and by content under other names.
  again=$("$ROLLCALL" ingest "${with[@]}" --format json | number "['facts']")
  mkdir "$dir/copies"
  cp "$dir"/logs/data-01/* "$dir/copies"
  source=$(sed -n 's/^  - name: //p' "$dir/rollcall.yml" | head -1)
  copies=$("$ROLLCALL" ingest "${with[@]}" --source "$source" --quiet --format json "$dir"/copies/* |
    number "['facts']")
  "$ROLLCALL" impact "${with[@]}" --format json | cmp - "$dir/impact.json"
  [[ "$again $copies" == "0 0" ]] || { echo "facts read twice: $again $copies"; exit 1; }

  # The move is called out before anything is lost.
  "$ROLLCALL" alerts "${with[@]}" --state all --format json >"$dir/alerts.json"
  python3 - "$dir/alerts.json" "$dir/truth.json" <<'END'
import json, sys
alerts = json.load(open(sys.argv[1]))
first_move = min(a["starts_at"] for a in alerts if a["rule"] == "output_moved")
partitions = json.load(open(sys.argv[2]))["partitions"]
first_loss = min(p["first_loss_at"] for p in partitions if p.get("first_loss_at"))
print(f"output_moved at {first_move}, the first loss at {first_loss}")
sys.exit(first_move >= first_loss)
END
  "$ROLLCALL" check ledger --rebuild "${with[@]}"
  "$ROLLCALL" backup "${with[@]}" "$dir/backup.db"
  "$ROLLCALL" impact --config "$dir/rollcall.yml" --ledger "$dir/backup.db" --format json |
    cmp - "$dir/impact.json"

  # Ledgers of single servers, read as one, count each customer once.
  for logs in "$dir"/logs/*; do
    "$ROLLCALL" ingest --config "$dir/rollcall.yml" --ledger "$dir/$(basename "$logs").db" --quiet \
      --source "$source" --format json "$logs"/* >/dev/null
  done
  many=()
  for logs in "$dir"/logs/*; do many+=(--ledger "$dir/$(basename "$logs").db"); done
  "$ROLLCALL" impact --config "$dir/rollcall.yml" "${many[@]}" --format json |
    python3 "$here/check_impact.py" --runs-are lossy "$dir/truth.json"

  healthy=$work/$format-healthy
  python3 "$here/incident.py" --out "$healthy" --seed "$seed" --format "$format" --healthy | tail -1
  with=(--config "$healthy/rollcall.yml" --ledger "$healthy/ledger.db")
  "$ROLLCALL" ingest "${with[@]}" --format json >/dev/null
  alerts=$("$ROLLCALL" alerts "${with[@]}" --state all --format json | number "and 1 or 0")
  [[ "$alerts" == 0 ]] || { echo "a healthy history raised alerts"; exit 1; }
  "$ROLLCALL" impact "${with[@]}" --format json |
    python3 "$here/check_impact.py" --runs-are lossy "$healthy/truth.json"
done
