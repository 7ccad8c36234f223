import { describe, expect, it } from 'vitest';
import { tellingBytes } from './loading.ts';

async function toldBy(load: (loaded: (bytes: number) => void) => Promise<string>) {
  const events = tellingBytes('unet', 1000, load);
  const bytes: (number | undefined)[] = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done) return { bytes, result: value };
    expect(value).toMatchObject({ part: 'unet', totalBytes: 1000 });
    bytes.push(value.bytes);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe('bytes of a part that is loaded', () => {
  it('are told while they come, small steps together, and all of them at the end', async () => {
    const { bytes, result } = await toldBy(async (loaded) => {
      for (const more of [400, 5, 395]) {
        loaded(more);
        await turn();
      }
      return 'the session';
    });
    expect(bytes).toEqual([0, 400, 800, 1000]);
    expect(result).toBe('the session');
  });

  it('end with the error of what loads them', async () => {
    await expect(toldBy(() => Promise.reject(new Error('no room')))).rejects.toThrow('no room');
  });
});
