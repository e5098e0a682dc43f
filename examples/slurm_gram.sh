#!/usr/bin/env bash
# A Gram matrix by a SLURM job array: make the store, compute its parts, check them.
#
#     bash slurm_gram.sh points.npy "fidelity:zz?bandwidth=0.3" K.zarr [TASKS] [SBATCH OPTIONS...]
#
# The store must be on a file system that all nodes see. Tasks that fail, or run out of time, are
# found by the last step; run the same line again and they go on where they were.
set -euo pipefail

points=$1 kernel=$2 store=$3 tasks=${4:-10}
options=("${@:5}")

# A task uses all cores that SLURM gives it.
run='export NUMBA_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}; '
run+="qkernels gram partition $(printf %q "$store") \$SLURM_ARRAY_TASK_ID --quiet"

if [ ! -e "$store" ]; then
    qkernels gram init "$points" "$kernel" "$store" --tasks "$tasks"
fi
tasks=$({ qkernels gram status "$store" --json || true; } | python3 -c 'import json, sys; print(json.load(sys.stdin)["tasks"])')
sbatch --wait --array="0-$((tasks - 1))" "${options[@]}" --wrap "$run" || true
qkernels gram finalise "$store"
