#!/bin/bash
# Random histories, read in order, in any order and in pieces, against an oracle that shares no code:
# balance_oracle.py books them by the words of the ledger's arithmetic. The seed is random and printed;
# SEED repeats one.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# Thousands of small transactions; what a disk does with them is tested elsewhere.
if [[ -z "${TMPDIR:-}" && -w /dev/shm ]]; then export TMPDIR=/dev/shm; fi
python3 "$here/balance_history.py" --rollcall "$ROLLCALL" --seed "${SEED:-$RANDOM}" --seconds "${SECONDS_LONG:-40}"
