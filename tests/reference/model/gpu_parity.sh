#!/bin/sh
# Holds the model on one GPU of 80 GB against transformers on the same GPU, layer by layer:
#     cmake --preset cuda && cmake --build --preset cuda --target dump_model
#     tests/reference/model/gpu_parity.sh build/cuda/gpu/dump_model WORK [MODEL_DIR]
# Without MODEL_DIR a checkpoint of Glyph's full size is drawn in WORK (21 GB; a folder in memory,
# such as /dev/shm/parity, is fastest). WORK gets ref/, ours/ and the table parity.md; steps whose
# result is there are not run again. PYTHON names a Python with what gpu_reference.py needs. Exits
# as compare_with_reference.py. Expected on an H100: checkpoint 30 s, transformers 110 s (512 greedy
# tokens are most of it), ours 40 s, comparison 5 s.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 DUMP_MODEL WORK [MODEL_DIR]" >&2; exit 64; }
dump=$1
work=$2
model=${3:-$work/model}
python=${PYTHON:-python3}
here=$(dirname "$0")
mkdir -p "$work"

# timed NAME COMMAND...
timed() {
  name=$1
  shift
  start=$(date +%s)
  "$@"
  echo "$name: $(($(date +%s) - start)) s"
}

if [ $# -eq 2 ] && [ ! -e "$model/model.safetensors.index.json" ]; then  # written last
  timed checkpoint "$python" "$here/full_size_checkpoint.py" --out "$model" --device cuda
fi
if [ ! -e "$work/ref/text/float32/forced_ids.npy" ]; then
  timed transformers "$python" "$here/gpu_reference.py" --model "$model" --out "$work/ref" \
    --tokens "${TOKENS:-1024}" --steps "${STEPS:-512}" --rows "${ROWS:-16}"
fi
rm -rf "$work/ours"
timed ours "$dump" "$model" "$work/ref" "$work/ours" --device "${DEVICE:-cuda}"
status=0
"$python" "$here/compare_with_reference.py" "$work/ref" "$work/ours" > "$work/parity.md" || status=$?
cat "$work/parity.md"
exit $status
