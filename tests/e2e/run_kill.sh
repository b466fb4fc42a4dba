#!/bin/bash
# kill -9 at random points while logs are written and rotated, and a disk that fills up: the ledger must
# equal what was written, nothing lost, nothing doubled. ROUNDS and SEED repeat or shorten it.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
seed=${SEED:-$RANDOM}
echo "seed $seed"
python3 "$here/kill.py" --rollcall "$ROLLCALL" --rounds "${ROUNDS:-200}" --seed "$seed"
python3 "$here/kill.py" --rollcall "$ROLLCALL" --mode disk-full --rounds 5 --seed "$seed"
