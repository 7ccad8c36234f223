import { expect, it } from 'vitest';
import { DarkroomError } from '#core/errors';
import { DiskError, diskError } from '#studio/files/disk-error';
import { failureOf } from './errors.ts';

const disk = (code: string) => diskError(Object.assign(new Error(code), { code }), '/home/ann/pictures/a.png');

it.each([
  [disk('ENOSPC'), 507, 'The disk is full; free some space and try again.'],
  [disk('EACCES'), 503, 'Permission is denied; check the permissions of the folder.'],
  [disk('EROFS'), 503, 'The file system is read-only; choose another folder.'],
  [disk('EIO'), 503, 'The disk reports an error; check it.'],
  [disk('EMFILE'), 503, 'Too many files are open; raise the limit (ulimit -n).'],
  [disk('ENAMETOOLONG'), 400, 'The name is too long for this file system.'],
  [
    new DiskError('store.io', 'Database /home/ann/studio.db', 'the disk reports an error'),
    503,
    'The disk reports an error.',
  ],
  [new DarkroomError('engine.crashed', 'It ended.'), 500, 'It ended.'],
])('answers %s with its own status and without the place', (error, status, message) => {
  expect(failureOf(error)).toMatchObject({ status, message });
});
