/**
 * Training state in a device's memory: fed and returned there, so that a step brings over its batch and takes back a
 * loss. The host has a copy only when it is asked for (checkpoints, samples).
 */

import { type HostTensor, sizeOf } from '#core/tensor';
import type { Backend, DeviceTensor } from '#engine/backend';

export class ResidentState {
  #tensors: Map<string, DeviceTensor>;
  readonly #frozen: ReadonlyMap<string, DeviceTensor>;
  /** Whether the host's copy is older. */
  #ahead = false;

  private constructor(tensors: Map<string, DeviceTensor>, frozen: ReadonlyMap<string, DeviceTensor>) {
    this.#tensors = tensors;
    this.#frozen = frozen;
  }

  /** Undefined where the backend computes in the host's memory. */
  static async open(
    backend: Backend,
    state: ReadonlyMap<string, HostTensor>,
    frozen: ReadonlyMap<string, HostTensor>,
  ): Promise<ResidentState | undefined> {
    const [tensors, still] = [await uploadAll(backend, state), await uploadAll(backend, frozen)];
    return tensors && still && new ResidentState(tensors, still);
  }

  /** What a step reads. */
  feeds(): Record<string, DeviceTensor> {
    return { ...Object.fromEntries(this.#frozen), ...Object.fromEntries(this.#tensors) };
  }

  names(): string[] {
    return [...this.#tensors.keys()];
  }

  /** Takes the state after a good step; the one before goes. */
  advance(next: Readonly<Record<string, DeviceTensor>>): void {
    for (const [name, tensor] of this.#tensors) {
      this.#tensors.set(name, next[name]!);
      tensor.dispose();
    }
    this.#ahead = true;
  }

  /** Brings the host's copy up to date. */
  async copyTo(host: Map<string, HostTensor>): Promise<void> {
    if (!this.#ahead) return;
    for (const [name, tensor] of this.#tensors) host.set(name, await tensor.read());
    this.#ahead = false;
  }

  dispose(): void {
    for (const t of [...this.#tensors.values(), ...this.#frozen.values()]) t.dispose();
  }
}

async function uploadAll(
  backend: Backend,
  tensors: ReadonlyMap<string, HostTensor>,
): Promise<Map<string, DeviceTensor> | undefined> {
  const all = new Map<string, DeviceTensor>();
  for (const [name, tensor] of tensors) {
    const uploaded = sizeOf(tensor.shape) === 0 ? undefined : await backend.upload?.(tensor);
    if (!uploaded) return undefined;
    all.set(name, uploaded);
  }
  return all;
}
