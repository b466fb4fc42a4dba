#!/bin/bash
# The incident at full size in each of the three log formats: `impact` and `alerts` must equal the
# generator's own truth, a healthy history of the same size must raise nothing, and reading everything
# twice must change nothing. The seed is random and printed; SEED repeats one. Of three seeds each
# format is once that of a release which leaves the old files where they are.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
seed=${SEED:-$RANDOM}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "seed $seed"

number() { python3 -c "import json,sys; print(json.load(sys.stdin)$1)"; }

keeps=$((seed % 3))
for format in json logfmt regex; do
  dir=$work/$format
  old=remove
  ((keeps--)) || old=keep
  python3 "$here/incident.py" --out "$dir" --seed "$seed" --format "$format" --old-files $old | tail -1
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

  # By each option what the truth says of it.
  read -r project version middle < <(python3 - "$dir/truth.json" <<'END'
import json, random, sys
truth = json.load(open(sys.argv[1]))
pick = random.Random(truth["seed"])
losses = sorted(loss["at"] for p in truth["partitions"] for loss in p["losses"])
print(pick.choice(truth["projects"])["project"],
      pick.choice(truth["releases"])["version"], pick.choice(losses))
END
  )
  for option in "--project $project" "--version $version" "--since $middle" "--until $middle"; do
    # shellcheck disable=SC2086  # two words
    "$ROLLCALL" impact "${with[@]}" $option --format json |
      python3 "$here/check_impact.py" $option --runs-are lossy "$dir/truth.json"
  done

  # One alert for each loss, and the move called out before anything is lost.
  "$ROLLCALL" alerts "${with[@]}" --state all --format json |
    python3 "$here/check_alerts.py" "$dir/truth.json"
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
