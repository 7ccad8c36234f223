import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { viewBytes } from './dtype.ts';

describe('viewBytes', () => {
  const bytes = new Uint8Array(24);
  bytes.set(new Uint8Array(Float64Array.of(1.5, -2).buffer), 3);

  it('copies unaligned bytes, also those of a Node buffer, whose slice does not', () => {
    const expected = Float64Array.of(1.5, -2);
    expect(viewBytes('f64', bytes.subarray(3, 19))).toEqual(expected);
    expect(viewBytes('f64', Buffer.from(bytes.buffer, 3, 16))).toEqual(expected);
  });

  it('shares aligned bytes', () => {
    expect(viewBytes('f32', bytes.subarray(4, 12)).buffer).toBe(bytes.buffer);
  });
});
