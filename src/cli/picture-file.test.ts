import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readPictureFile } from './picture-file.ts';

const file = fileURLToPath(new URL('../../test/fixtures/metadata/comfyui.png', import.meta.url));

/** Processes that this one has started (Linux, proc(5)). */
const children = (): number[] =>
  readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );

it.skipIf(process.platform !== 'linux')(
  'leaves a picture alone that brings its reader down, and reads the next',
  async () => {
    const before = new Set(children());
    const read = readPictureFile(file, '--init');
    const refused = expect(read).rejects.toMatchObject({
      code: 'picture.left-alone',
      message: expect.stringMatching(/^--init ".*" is left alone: it brought its reader down \(SIGKILL\)\.$/),
    });
    await expect.poll(() => children().filter((pid) => !before.has(pid)).length).toBe(1);
    for (const pid of children().filter((each) => !before.has(each))) process.kill(pid, 'SIGKILL');
    await refused;
    expect((await readPictureFile(file)).image.width).toBeGreaterThan(0);
  },
);
