#!/usr/bin/env bash
# Train on a machine with a GPU and no network for some minutes, time it, and leave everything in one folder.
#
#     benchmarks/gpu_run.sh DATA OUT MINUTES [PRESET] [CHECKPOINT]
#
# DATA is a folder of images (benchmarks/pack_images.py makes it small), CHECKPOINT the file or the parts (their common
# beginning, as in runs/photos.pt.) of an earlier run to go on from. OUT gets the log, the timings, samples, the
# example photos filled on the GPU beside the CPU's, and the last checkpoint in parts of 15 MB: averages and optimiser
# states in half precision, so that all stays below 64 MB. `cat OUT/checkpoint.pt.* > checkpoint-N.pt` joins the parts.
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

# The end of the time is a request to stop: the run saves, and that is no failure.
timeout --signal=TERM --kill-after=120 "${minutes}m" \
  "$python" train_accelerate.py --preset "$preset" --train_data_dir "$data" --output_dir "$run" \
  --checkpointing_steps 2000 ${TRAIN_ARGS:-} 2>&1 | tr '\r' '\n' | tee "$out/train.log" || true
last=$(ls -t "$run"/checkpoint-*.pt | head -n 1)

"$python" - "$last" "$run/model" "$run/small.pt" <<'END'
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
generator = Generator()
generator.load_state_dict(average)
generator.save_pretrained(model)
kept = ("generator", "discriminator")
torch.save({name: value if name in kept else halved(value) for name, value in state.items()}, small)
print(f"{Path(last).name}: {state['images_seen']:,} images seen")
END
split --bytes=15000000 "$run/small.pt" "$out/checkpoint.pt."

"$python" benchmarks/training_speed.py --preset "$preset" ${SPEED_ARGS:---sizes 64:256 128:128 --rounds 10} | tee "$out/speed.txt"
"$python" benchmarks/devices.py --model "$run/model" --output "$run/filled" | tee "$out/devices.txt"
cp "$run/metrics.jsonl" "$out/"
tar -czf "$out/pictures.tar.gz" -C "$run" filled $([ -d "$run/samples" ] && echo samples)
rm -rf "$run"
du -sh "$out"
