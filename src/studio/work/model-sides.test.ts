import { describe, expect, it } from 'vitest';
import type { LibraryModel } from '../library/model.ts';
import { ModelSides } from './model-sides.ts';

const model = { id: 'a', name: 'xl', modifiedAt: 1, bytes: 2, embedded: true } as LibraryModel;

function sidesOf(multiple: number | undefined) {
  let reads = 0;
  const sides = new ModelSides({
    find: () => model,
    list: () => [model],
    async limits() {
      reads++;
      if (multiple === undefined) throw new Error('not a model');
      return { sizeMultiple: multiple } as never;
    },
  });
  return { sides, reads: () => reads };
}

describe('sides of a request', () => {
  it('are held to what its model takes, which is read once', async () => {
    const { sides, reads } = sidesOf(16);
    await expect(sides.checked({ model: 'xl', width: 72 }, false)).rejects.toMatchObject({
      code: 'request.size',
      message: 'The width must be a multiple of 16 for this model; got 72, try 64 or 80.',
    });
    expect(await sides.checked({ width: 80, height: 64 }, false)).toEqual({ width: 80, height: 64 });
    expect(await sides.checked({ width: 72, height: 8 }, true)).toEqual({ width: 64, height: 16 });
    expect(reads()).toBe(1);
  });

  it('are 512 pixels where nothing is given and the file cannot be opened', async () => {
    expect(await sidesOf(undefined).sides.ownSize({})).toEqual({ width: 512, height: 512 });
  });

  it('are left to the engine where they are not given, or the file cannot be opened', async () => {
    const { sides, reads } = sidesOf(undefined);
    expect(await sides.checked({}, false)).toEqual({});
    expect(reads()).toBe(0);
    expect(await sides.checked({ width: 77 }, false)).toEqual({ width: 77 });
  });
});
