/** The engines of a studio: a process for each device, and one that only says what a job would take. */

import type { SettingsValues } from '#api/records/settings';
import type { Settings } from '../settings/settings.ts';
import type { Log } from '../work/runner.ts';
import { EngineHost, type EngineHostOptions, type EngineStatus } from './host.ts';
import { machineMemory } from './process-info.ts';

export interface StudioDevice {
  /** E.g. `cpu`, `webgpu`. */
  readonly name: string;
  /** Passed on to the engine. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface EnginesOptions {
  /** Absolute path of a module that exports `createEngine` (see protocol.ts). */
  readonly module: string;
  /** One engine process each; default one called `cpu`. */
  readonly devices?: readonly StudioDevice[] | undefined;
  readonly modelRoots: readonly string[];
  readonly settings: Pick<Settings, 'get' | 'onChange'>;
  readonly onStatus: (status: EngineStatus) => void;
  readonly log: Log;
}

const usualDevice: StudioDevice = { name: 'cpu' };
/** Someone who asks what a job takes often asks again with a change. */
const estimatesIdleMs = 60_000;

export class Engines {
  readonly hosts: readonly EngineHost[];
  /** A process of its own: a look must not wait for the job at work. */
  readonly estimator: EngineHost;

  constructor(options: EnginesOptions) {
    const { devices = [usualDevice], settings, onStatus } = options;
    this.hosts = devices.map((device) => new EngineHost({ ...hostOptions(device, options), onStatus }));
    const [first = usualDevice] = devices;
    this.estimator = new EngineHost({ ...hostOptions(first, options), idleMs: estimatesIdleMs });
    settings.onChange((values) => {
      for (const host of this.hosts) host.configure(limits(values));
    });
  }

  status(): readonly EngineStatus[] {
    return this.hosts.map((host) => host.status());
  }

  /** Starts every process ahead of the first job. */
  async warm(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.start()));
  }

  /** Ends processes that have nothing to do, which gives their memory back. */
  async unload(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.unload()));
  }

  /** Has each begin anew before its next job, with the model folders as they are then. */
  renew(): void {
    for (const host of this.#all()) host.renew();
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#all().map((host) => host.dispose()));
  }

  #all(): EngineHost[] {
    return [...this.hosts, this.estimator];
  }
}

function hostOptions({ name, options }: StudioDevice, parts: EnginesOptions): EngineHostOptions {
  const { module, modelRoots, settings, log } = parts;
  return {
    module,
    settings: { device: name, modelRoots, options: options ?? {} },
    ...limits(settings.get()),
    onOutput: (text) => log('info', 'engine output', { device: name, text: text.trimEnd() }),
  };
}

function limits(values: SettingsValues): { idleMs: number; memoryLimit: number } {
  const { idleUnloadMinutes, memoryLimitMib } = values;
  // Below the point where the system would choose what to end, and might choose the studio.
  const memoryLimit = memoryLimitMib > 0 ? memoryLimitMib * 2 ** 20 : 0.9 * machineMemory();
  return { idleMs: idleUnloadMinutes * 60_000, memoryLimit };
}
