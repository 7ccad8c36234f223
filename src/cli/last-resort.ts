/**
 * What nobody caught, in a process that serves: logged and counted rather than the end of everybody's work. A promise
 * that failed leaves nothing half done that the next start would not mend; after an exception out of nowhere little is
 * sure, so that one still ends the process, with a word in the log.
 */

export interface LastResort {
  /** Failures since the start. */
  readonly failures: number;
  remove(): void;
}

type Tell = (level: 'error', message: string, fields: Record<string, unknown>) => void;

export function catchForgotten(tell: Tell): LastResort {
  let failures = 0;
  const onRejection = (reason: unknown): void => {
    failures++;
    const error = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    tell('error', 'A promise failed that nobody waits for; the server goes on.', { error, failures });
  };
  const onException = (error: Error, origin: string): void => {
    if (origin === 'uncaughtException') {
      tell('error', 'An exception that nobody caught ends the server.', { error: error.stack ?? error.message });
    }
  };
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtExceptionMonitor', onException);
  return {
    get failures() {
      return failures;
    },
    remove() {
      process.off('unhandledRejection', onRejection);
      process.off('uncaughtExceptionMonitor', onException);
    },
  };
}
