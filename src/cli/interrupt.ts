/** Ctrl-C and its relatives: the first asks the work to stop at its next safe point, the second ends the process. */

/** A wrapper such as npm passes on the signal that the terminal has sent to both: within this it is the same Ctrl-C. */
const sameMs = 700;

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface Interrupt {
  /** Aborted once the user has asked to stop. */
  readonly signal: AbortSignal;
  /** What a process that was stopped so exits with; 0 when it was not. */
  readonly exitCode: number;
  /** Gives the event loop a turn, so that a signal that came during a computation is seen. */
  turn(): Promise<void>;
  release(): void;
}

/** `onFirst` is called when the first signal arrives; what it returns is the reason that the signal gives. */
export function watchInterrupt(onFirst: () => unknown = () => undefined): Interrupt {
  const stop = new AbortController();
  let exitCode = 0;
  let first = 0;
  const handlers = Object.entries(exitCodes).map(([signal, code]) => {
    const handler = (): void => {
      if (exitCode !== 0) {
        if (performance.now() - first > sameMs) process.exit(exitCode);
        return;
      }
      first = performance.now();
      exitCode = code;
      stop.abort(onFirst());
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return {
    signal: stop.signal,
    get exitCode() {
      return exitCode;
    },
    async turn() {
      // The poll phase, where signals arrive, lies between two immediates.
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    },
    release() {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    },
  };
}
