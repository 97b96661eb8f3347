#!/usr/bin/env bash
# Train a released model that has phases, from random weights on, by one command.
#
#     benchmarks/train_phases.sh photos PHOTOS
#     benchmarks/train_phases.sh flowers PHOTOS FLOWERS
#
# PHOTOS and FLOWERS are the folders of images that the cards describe. The phases are the commands of the cards, one
# after the other; each begins with the averaged weights of the one before. The models are left in runs/finetuned
# (photos) and runs/flowers. The same command goes on where it was stopped. TRAIN_ARGS are more flags, for every phase.
set -euo pipefail
usage="usage: benchmarks/train_phases.sh photos PHOTOS | flowers PHOTOS FLOWERS"
name=${1:?$usage} photos=${2:?$usage}
script=$(dirname "$0")/../train_accelerate.py

# phase OUTPUT_DIR FLAGS: train, unless its model is there.
phase() {
  local output=$1
  shift
  if [ -e "$output/model.safetensors" ]; then
    echo "$output has its model: this phase is done"
  else
    # shellcheck disable=SC2086  # several flags
    accelerate launch "$script" --output_dir "$output" "$@" ${TRAIN_ARGS:-}
  fi
}

case $name in
  photos)
    phase runs/photos --preset photos --train_data_dir "$photos" --logging_steps 100
    phase runs/finetuned --preset finetune --init_from runs/photos --train_data_dir "$photos" --max_train_steps 2100
    ;;
  flowers)
    flowers=${3:?$usage}
    phase runs/photos --preset photos --train_data_dir "$photos" --logging_steps 100
    phase runs/flowers --preset photos --init_from runs/photos --train_batch_size 32 --learning_rate 5e-4 \
      --ema_half_life 10000 --diffaugment --resolution 64 --resolution_schedule '' --hole_min 16 --hole_max 36 \
      --adversarial_weight 0.1 --lr_warmup_images 1600 --num_train_epochs 32 --train_data_dir "$flowers" \
      --num_threads 1 --validation_steps 260
    ;;
  *)
    echo "$usage" >&2
    exit 2
    ;;
esac
