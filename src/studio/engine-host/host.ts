/**
 * An engine in a child process, seen from the studio: a PictureEngine that can be started, unloaded, cancelled between
 * steps and, when that is not enough, killed and started again. ONNX Runtime blocks the event loop while it computes
 * and cannot be interrupted, and a crash inside it takes its process along; hence the process of its own.
 *
 * Left out: several runs at once in one process (a device works on one thing at a time).
 */

import { type ChildProcess, fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { DarkroomError, InternalError } from '#core/errors';
import {
  type GenerateEvent,
  type GenerateOptions,
  type GenerateRequest,
  keepPartial,
  type MemoryEvent,
  type PictureEngine,
} from '#pipelines/request';
import type { UpscaleRequest } from '#pipelines/upscale/request';
import { EventStream } from '../events/event-stream.ts';
import { childExecArgv } from '../files/own-module.ts';
import type { InputPaths } from '../work/inputs.ts';
import { childMain, crashError, engineEnvironment, residentMemory } from './process-info.ts';
import { type EngineSettings, type EngineWork, type FromEngine, fromWireError, type ToEngine } from './protocol.ts';

export interface EngineHostOptions {
  /** Absolute path of a module that exports `createEngine`. */
  readonly module: string;
  readonly settings: EngineSettings;
  /** The process is ended after this long without work; 0: never. Default 10 minutes. */
  readonly idleMs?: number;
  /** Resident memory above which the process is killed, bytes; 0: none. Default 0. */
  readonly memoryLimit?: number;
  /** After a cancel, how long the running step may take before the process is killed; default 60 s. */
  readonly cancelGraceMs?: number;
  /** How long the start may take; default three minutes: a busy machine takes its time. */
  readonly startTimeoutMs?: number;
  readonly onStatus?: (status: EngineStatus) => void;
  /** What the process writes to its standard output and error. */
  readonly onOutput?: (text: string) => void;
}

export interface EngineStatus {
  readonly device: string;
  readonly state: 'stopped' | 'starting' | 'idle' | 'busy';
  readonly pid?: number;
  /** Bytes, as last seen. */
  readonly rss: number;
  readonly starts: number;
  readonly lastCrash?: { readonly code: string; readonly message: string; readonly at: number };
}

export interface HostGenerateOptions extends GenerateOptions {
  /** Pictures of the request as files: the engine process decodes them, so that their pixels never pass here. */
  readonly files?: InputPaths;
}

interface Run {
  readonly id: number;
  readonly events: EventStream<GenerateEvent>;
  /** The process has been given it, so it will answer or end. */
  sent: boolean;
  cancelled: boolean;
}

export class EngineHost implements PictureEngine {
  readonly #options: EngineHostOptions;
  #child: ChildProcess | undefined;
  /** Resolves when the process is gone and its end has been dealt with. */
  #gone: Promise<void> = Promise.resolve();
  #disposed = false;
  #starting: Promise<void> | undefined;
  #run: Run | undefined;
  /** Resolves when the run before has ended. */
  #turn: Promise<void> = Promise.resolve();
  #runs = 0;
  #starts = 0;
  #rss = 0;
  #peak = 0;
  #idleMs: number;
  /** What it was started with has changed meanwhile. */
  #stale = false;
  #memoryLimit: number;
  #killedFor: DarkroomError | 'request' | undefined;
  #lastCrash: EngineStatus['lastCrash'];
  #idleTimer: NodeJS.Timeout | undefined;
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(options: EngineHostOptions) {
    this.#options = options;
    this.#idleMs = options.idleMs ?? 600_000;
    this.#memoryLimit = options.memoryLimit ?? 0;
  }

  status(): EngineStatus {
    const state = this.#starting ? 'starting' : this.#run ? 'busy' : this.#child ? 'idle' : 'stopped';
    return {
      device: this.#options.settings.device,
      state,
      pid: this.#child?.pid,
      rss: this.#child ? this.#rss : 0,
      starts: this.#starts,
      lastCrash: this.#lastCrash,
    };
  }

  /** Starts the process and its engine, if they are not up. @throws DarkroomError `engine.start-failed` */
  async start(): Promise<void> {
    if (this.#disposed) throw new InternalError('an engine host was started after its end');
    if (this.#starting) return await this.#starting;
    if (this.#child && !this.#killedFor) return;
    this.#starting = this.#spawn().finally(() => {
      this.#starting = undefined;
      this.#announce();
      this.#armIdle();
    });
    this.#announce();
    await this.#starting;
  }

  /**
   * Runs a request in the engine process, starting it first if need be. Cancelled by `signal`, which is acted on at once,
   * or `cancel`, the generator ends without an error.
   * @throws DarkroomError as the engine threw; `engine.crashed`, `engine.out-of-memory`, `engine.memory-limit`
   */
  async *generate(request: GenerateRequest, options: HostGenerateOptions = {}): AsyncGenerator<GenerateEvent> {
    yield* this.#work({ method: 'generate', request }, options);
  }

  /** As `generate`; the picture is the file `init`. */
  async *upscale(
    request: Omit<UpscaleRequest, 'init'>,
    options: HostGenerateOptions = {},
  ): AsyncGenerator<GenerateEvent> {
    yield* this.#work({ method: 'upscale', request }, options);
  }

  /** What a request would take of memory, without loading or drawing; undefined where its device cannot tell. */
  async estimate(request: GenerateRequest, options: HostGenerateOptions = {}): Promise<MemoryEvent | undefined> {
    for await (const event of this.#work({ method: 'estimate', request }, options))
      if (event.type === 'memory') return event;
    return undefined;
  }

  /** Runs one after the other: kinds of work share the process. */
  async *#work(work: EngineWork, options: HostGenerateOptions): AsyncGenerator<GenerateEvent> {
    const before = this.#turn;
    let leave = () => {};
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    this.#turn = before.then(() => mine);
    try {
      await Promise.race([before, whenAborted(options.signal)]);
      if (options.signal?.aborted !== true) yield* this.#perform(work, options);
    } finally {
      leave();
    }
  }

  async *#perform(work: EngineWork, options: HostGenerateOptions): AsyncGenerator<GenerateEvent> {
    const run: Run = { id: ++this.#runs, events: new EventStream(supersedes), sent: false, cancelled: false };
    this.#run = run;
    clearTimeout(this.#idleTimer);
    const signal = options.signal;
    const onAbort = () => this.cancel(wantsPartial(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (!(await this.#startFor(run))) return;
      this.#announce();
      if (signal?.aborted) return;
      run.sent = true;
      this.#send({
        type: 'run',
        run: run.id,
        work,
        files: options.files ?? {},
        previewEvery: options.previewEvery ?? 0,
        inSmallestParts: options.inSmallestParts ?? false,
      });
      for await (const event of run.events) {
        if (signal?.aborted) this.cancel(wantsPartial(signal));
        yield event;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await this.#endRun(run);
    }
  }

  /**
   * Asks the running request to stop after its current step, and to deliver what is half done if `partial` says
   * so; kills the process when that takes too long.
   */
  cancel(partial = false): void {
    const run = this.#run;
    if (!run || run.cancelled) return;
    run.cancelled = true;
    if (run.sent) this.#send({ type: 'cancel', run: run.id, keepPartial: partial });
    this.#graceTimer = setTimeout(() => this.kill(), this.#options.cancelGraceMs ?? 60_000);
  }

  /** Ends the batch at hand after its step, as far as it has come; the request goes on with the next one. */
  skip(): void {
    const run = this.#run;
    if (run?.sent && !run.cancelled) this.#send({ type: 'skip', run: run.id });
  }

  /** Kills the process now and starts a new one. A running request ends as cancelled. */
  kill(): void {
    const child = this.#child;
    if (!child) return;
    if (this.#run) this.#run.cancelled = true;
    this.#killedFor = 'request';
    child.kill('SIGKILL');
    // A failure to start again shows at the next run.
    this.#gone.then(() => (this.#disposed ? undefined : this.start())).catch(() => {});
  }

  /** Ends the process, which gives all its memory back; the next request starts it again. */
  async unload(): Promise<void> {
    clearTimeout(this.#idleTimer);
    if (this.#starting) await this.#starting.catch(() => {});
    const child = this.#child;
    if (!child || this.#run) return;
    this.#killedFor = 'request';
    this.#send({ type: 'stop' });
    const force = setTimeout(() => child.kill('SIGKILL'), 2000);
    await this.#gone;
    clearTimeout(force);
  }

  /** Ends the process when its request has ended: the next one starts with the settings as they are then. */
  renew(): void {
    this.#stale = this.#run !== undefined;
    // A failure to end it shows at the next run.
    if (!this.#stale) this.unload().catch(() => {});
  }

  /** Changes limits without a restart. */
  configure(limits: { readonly idleMs?: number; readonly memoryLimit?: number }): void {
    this.#idleMs = limits.idleMs ?? this.#idleMs;
    this.#memoryLimit = limits.memoryLimit ?? this.#memoryLimit;
    this.#armIdle();
  }

  /** Ends a running request and the process. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#graceTimer);
    if (this.#run) this.#run.cancelled = true;
    this.#killedFor = 'request';
    this.#child?.kill('SIGKILL');
    if (this.#starting) await this.#starting.catch(() => {});
    await this.#gone;
  }

  /** False when the run was cancelled before there was an engine to run it. */
  async #startFor(run: Run): Promise<boolean> {
    try {
      await this.start();
    } catch (error) {
      if (!run.cancelled) throw error;
    }
    return !run.cancelled;
  }

  async #spawn(): Promise<void> {
    await this.#gone;
    const { module, settings } = this.#options;
    const child = fork(childMain, [], {
      serialization: 'advanced',
      execArgv: childExecArgv(),
      env: engineEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    yieldPriority(child);
    this.#child = child;
    this.#starts++;
    this.#killedFor = undefined;
    this.#peak = 0;
    let stderr = '';
    child.stderr?.on('data', (data: Buffer) => {
      stderr = (stderr + data.toString()).slice(-4096);
      this.#options.onOutput?.(data.toString());
    });
    child.stdout?.on('data', (data: Buffer) => this.#options.onOutput?.(data.toString()));
    const watch = setInterval(() => this.#watchMemory(child), 1000);
    watch.unref();
    child.on('message', (message: FromEngine) => this.#onMessage(message));
    child.on('error', () => {}); // a failed send; the exit that follows says why
    this.#gone = whenGone(child).then(([code, signal]) => {
      clearInterval(watch);
      this.#onExit(child, code, signal, stderr);
    });
    await this.#ready(child, () => this.#send({ type: 'start', module, settings }));
  }

  #ready(child: ChildProcess, begin: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => {
        child.kill('SIGKILL');
        settle(() => reject(startFailure('it did not answer in time')));
      }, this.#options.startTimeoutMs ?? 180_000);
      const onMessage = (message: FromEngine) => {
        if (message.type === 'ready') settle(resolve);
        if (message.type === 'start-failed') settle(() => reject(startFailure(message.error.message)));
      };
      const ended = () => settle(() => reject(startFailure(this.#lastCrash?.message ?? 'it ended at once')));
      this.#gone.then(ended, ended);
      const settle = (outcome: () => void) => {
        clearTimeout(timeout);
        child.off('message', onMessage);
        outcome();
      };
      child.on('message', onMessage);
      begin();
    });
  }

  #send(message: ToEngine): void {
    // A process that is gone answers by its exit, which ends the run.
    if (this.#child?.connected) this.#child.send(message, () => {});
  }

  #onMessage(message: FromEngine): void {
    if (message.type === 'memory') this.#noteMemory(message.rss);
    const run = this.#run;
    if (!run || !('run' in message) || message.run !== run.id) return;
    if (message.type === 'event') run.events.push(message.event);
    else if (message.type === 'end') run.events.end();
    else run.events.fail(fromWireError(message.error));
  }

  #onExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null, stderr: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const killedFor = this.#killedFor;
    const error =
      killedFor === 'request' ? undefined : (killedFor ?? crashError({ code, signal, stderr, peak: this.#peak }));
    if (error) this.#lastCrash = { code: error.code, message: error.message, at: Date.now() };
    const run = this.#run;
    if (run?.sent && error && !run.cancelled) run.events.fail(error);
    else if (run?.sent) run.events.end();
    this.#announce();
  }

  #watchMemory(child: ChildProcess): void {
    const rss = child.pid === undefined ? undefined : residentMemory(child.pid);
    if (rss !== undefined) this.#noteMemory(rss);
  }

  #noteMemory(rss: number): void {
    this.#rss = rss;
    this.#peak = Math.max(this.#peak, rss);
    if (this.#memoryLimit === 0 || rss <= this.#memoryLimit || this.#killedFor) return;
    const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
    this.#killedFor = new DarkroomError(
      'engine.memory-limit',
      `The engine used ${mib(rss)} MiB, more than its limit of ${mib(this.#memoryLimit)} MiB, and was stopped. Try a smaller picture or batch, or raise the limit.`,
    );
    this.#child?.kill('SIGKILL');
  }

  async #endRun(run: Run): Promise<void> {
    // Left early by its reader: the engine is still at work, so stop it before the next run may begin.
    if (run.sent && !run.events.ended) {
      this.cancel();
      await run.events.whenEnded();
    }
    clearTimeout(this.#graceTimer);
    this.#run = undefined;
    this.#armIdle();
    this.#announce();
  }

  #armIdle(): void {
    clearTimeout(this.#idleTimer);
    if (!this.#child || this.#run || (this.#idleMs === 0 && !this.#stale)) return;
    this.#idleTimer = setTimeout(() => void this.unload(), this.#stale ? 0 : this.#idleMs);
    this.#stale = false;
    this.#idleTimer.unref();
  }

  #announce(): void {
    this.#options.onStatus?.(this.status());
  }
}

function whenAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}

function wantsPartial(signal: AbortSignal | undefined): boolean {
  return signal?.reason === keepPartial;
}

/** Exit code and signal, once its output and its last messages have been read, or shortly after its death. */
function whenGone(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const settle = () => resolve([code, signal]);
      let open = child.connected ? 2 : 1;
      const closed = () => --open === 0 && settle();
      child.once('close', closed);
      if (child.connected) child.once('disconnect', closed);
      setTimeout(settle, 250);
    });
  });
}

/** An engine takes every core there is; whoever waits for an answer or moves a window comes first. */
function yieldPriority(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Not everywhere allowed, and nothing depends on it.
  }
}

/** A newer step or preview replaces one that nobody has read yet. */
function supersedes(next: GenerateEvent, waiting: GenerateEvent): boolean {
  return next.type === waiting.type && (next.type === 'step' || next.type === 'preview' || next.type === 'loading');
}

function startFailure(reason: string): DarkroomError {
  return new DarkroomError('engine.start-failed', `The engine could not be started: ${reason}`);
}
