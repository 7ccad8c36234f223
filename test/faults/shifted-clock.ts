/** Lets the clock of this process jump: by as many milliseconds as a file says at the moment. */

import { readFileSync } from 'node:fs';

const lookMs = 50;

export function shiftClock(file: string): void {
  let offset = 0;
  const look = (): void => {
    offset = Number(readFileSync(file, 'utf8')) || 0;
  };
  look();
  setInterval(look, lookMs).unref();
  const Real = Date;
  const now = Real.now.bind(Real);
  class ShiftedDate extends Real {
    constructor(...given: unknown[]) {
      super(...((given.length === 0 ? [now() + offset] : given) as [number]));
    }
    static override now(): number {
      return now() + offset;
    }
  }
  globalThis.Date = ShiftedDate as DateConstructor;
}
