/**
 * A training in a child process, seen from the studio: its messages as they come, asked to stop after its step or ended
 * in the middle of it. The runtime blocks the event loop while it computes, and a crash inside it takes its process
 * along; hence the process of its own.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { DarkroomError } from '#core/errors';
import { childEnvironment } from '../../engine-host/process-info.ts';
import { EventStream } from '../../events/event-stream.ts';
import { childExecArgv } from '../../files/own-module.ts';
import type { FromTrainer, LabOrder, ToTrainer, TrainingOrder } from './protocol.ts';

export class TrainerProcess {
  readonly #child: ChildProcess;
  readonly #events = new EventStream<FromTrainer>();
  #killed = false;
  #stderr = '';

  /** @param main absolute path of a module that calls `serveTrainer` */
  constructor(main: string, order: TrainingOrder | LabOrder) {
    const child = fork(main, [], {
      serialization: 'advanced',
      execArgv: childExecArgv(),
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr?.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString()).slice(-2000);
    });
    child.on('message', (message: FromTrainer) => this.#onMessage(message));
    child.on('error', () => {}); // a failed send; the exit that follows says why
    child.on('close', (code, signal) => this.#onClose(code, signal));
    yieldPriority(child);
    this.#send({ type: 'start', order });
  }

  /**
   * What it says, until it has ended: by itself, stopped, or killed, which is no error.
   * @throws DarkroomError `training.crashed`, `training.out-of-memory` when its process dies by itself
   */
  messages(): AsyncIterable<FromTrainer> {
    return this.#events;
  }

  /** Asks it to save and end after its step. */
  stop(): void {
    this.#send({ type: 'stop' });
  }

  /** Ends it now; what it saved last is what is left. */
  kill(): void {
    this.#killed = true;
    this.#child.kill('SIGKILL');
  }

  #send(message: ToTrainer): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #onMessage(message: FromTrainer): void {
    this.#events.push(message);
    if (message.type === 'end' || message.type === 'failed') this.#events.end();
  }

  #onClose(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#killed) this.#events.end();
    else this.#events.fail(this.#crash(code, signal));
  }

  #crash(code: number | null, signal: NodeJS.Signals | null): DarkroomError {
    const kept = 'What was saved last is kept; a retry goes on from there.';
    if (signal === 'SIGKILL' || /heap out of memory/i.test(this.#stderr)) {
      const advice = 'Try gradient checkpointing, a smaller batch or smaller pictures.';
      const message = `The system ended the training's process, most likely for want of memory. ${advice} ${kept}`;
      return new DarkroomError('training.out-of-memory', message);
    }
    const how = signal === null ? `ended with exit code ${code}` : `ended with ${signal}`;
    const words = this.#stderr.trim() === '' ? '' : ` Its last words: ${this.#stderr.trim()}`;
    return new DarkroomError('training.crashed', `The training's process ${how}. ${kept}${words}`);
  }
}

/** A training takes every core there is for hours; whoever waits for an answer comes first. */
function yieldPriority(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  } catch {
    // Not everywhere allowed, and nothing depends on it.
  }
}
