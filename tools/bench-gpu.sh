#!/usr/bin/env bash
# One visit to a machine with a graphics card: is it found, are its results right, how fast is it?
# Usage: tools/bench-gpu.sh [folder for the results, default outputs/gpu] [parts of the benchmark]
# Needs bash and Node alone; a checkout with node_modules may be brought along. DARKROOM_BENCH_PYTHON adds PyTorch's rows.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-outputs/gpu}
mkdir -p "$out"
[ -d node_modules/webgpu ] || npm ci --no-audit --no-fund --ignore-scripts >"$out/install.txt" 2>&1

echo "== the adapter"
timeout 60 npm run -s darkroom -- doctor --device webgpu-own 2>&1 | tee "$out/doctor.txt"

echo "== right or wrong"
timeout 150 npx vitest run src/backends/webgpu-node test/conformance/webgpu.test.ts >"$out/conformance.txt" 2>&1
tail -n 6 "$out/conformance.txt"

echo "== speed"
# The parts that say most come first; what does not fit into the time is left out.
for part in ${2:-sd15-512 training sd15-1024 vae-512 sd15-lora-512 sdxl-1024 load}; do
  timeout 120 npm run -s bench -- gpu "$part" 5 2>&1 | tee "$out/$part.txt"
done
