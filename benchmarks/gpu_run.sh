#!/usr/bin/env bash
# Train on a machine with a GPU and no network for some minutes, time it, and leave everything in one folder.
#
#     benchmarks/gpu_run.sh DATA OUT MINUTES [PRESET] [CHECKPOINT]
#
# DATA is a folder of images (benchmarks/pack_images.py makes it small), CHECKPOINT the file or the parts (their common
# beginning, as in runs/photos.pt.) of an earlier run to go on from. OUT gets the log, the timings, samples, the
# example photos filled on the GPU beside the CPU's, and the last checkpoint in parts of 15 MB: averages and optimiser
# states in half precision, so that all stays below 64 MB. `cat OUT/checkpoint.pt.* > checkpoint-N.pt` joins the parts.
# Checkpoint, metrics and log are there from the first checkpoint on: a machine that is taken away leaves what it had.
set -euo pipefail
cd "$(dirname "$0")/.."
data=$1 out=$2 minutes=$3 preset=${4:-photos} checkpoint=${5:-}
python=${PYTHON:-python3}
export PYTHONPATH=$PWD HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
run=$(mktemp -d)
mkdir -p "$out"

if [ -n "$checkpoint" ]; then
  cat "$checkpoint"* > "$run/joined"
  step=$("$python" -c "import sys, torch; print(torch.load(sys.argv[1], map_location='cpu', weights_only=True)['step'])" "$run/joined")
  mv "$run/joined" "$run/checkpoint-$step.pt"
fi

newest() { ls -t "$run"/checkpoint-*.pt 2> /dev/null | head -n 1 || true; }

# Leave the checkpoint $1 in OUT, made small, and the model of its averages in $run/model.
leave() {
  "$python" - "$1" "$run/model" "$run/small.pt" <<'END'
import sys
from pathlib import Path

import torch

from inpaint_hub import Generator

last, model, small = sys.argv[1:]
state = torch.load(last, map_location="cpu", weights_only=True)


def halved(value):
    if isinstance(value, dict):
        return {name: halved(each) for name, each in value.items()}
    if isinstance(value, list):
        return [halved(each) for each in value]
    return value.half() if isinstance(value, torch.Tensor) and value.dtype == torch.float32 and value.ndim == 4 else value


average = {name.removeprefix("module."): weight for name, weight in state["average"].items() if name != "n_averaged"}
generator = Generator(state["fill_color"])
generator.load_state_dict(average)
generator.save_pretrained(model)
kept = ("generator", "discriminator")
torch.save({name: value if name in kept else halved(value) for name, value in state.items()}, small)
print(f"{Path(last).name}: {state['images_seen']:,} images seen")
END
  mkdir -p "$run/parts"
  split --bytes=15000000 "$run/small.pt" "$run/parts/checkpoint.pt."
  rm -f "$out"/checkpoint.pt.*
  mv "$run"/parts/* "$out/"
  cp "$run/metrics.jsonl" "$out/"
}

# The end of the time is a request to stop: the run saves, and that is no failure.
timeout --signal=TERM --kill-after=120 "${minutes}m" \
  "$python" train_accelerate.py --preset "$preset" --train_data_dir "$data" --output_dir "$run" \
  --checkpointing_steps 1000 ${TRAIN_ARGS:-} > "$out/train.log" 2>&1 &
training=$!
trap 'kill "$training" 2> /dev/null || true' EXIT
left=$(newest)
while kill -0 "$training" 2> /dev/null; do
  sleep 5
  last=$(newest)
  if [ "$last" != "$left" ]; then
    leave "$last" || continue  # it may just have been replaced by a newer one
    left=$last
  fi
done
wait "$training" || true
tr '\r' '\n' < "$out/train.log" | tail -n 20
last=$(newest)
[ "$last" = "$left" ] || leave "$last"
[ -d "$run/model" ] || leave "$last"

"$python" benchmarks/training_speed.py --preset "$preset" ${SPEED_ARGS:---sizes 64:256 128:128 --rounds 10} | tee "$out/speed.txt"
"$python" benchmarks/devices.py --model "$run/model" --output "$run/filled" | tee "$out/devices.txt"
tar -czf "$out/pictures.tar.gz" -C "$run" filled $([ -d "$run/samples" ] && echo samples)
rm -rf "$run"
du -sh "$out"
