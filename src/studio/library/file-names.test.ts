import { describe, expect, it } from 'vitest';
import { namingFilesIn } from './file-names.ts';

describe('namingFilesIn', () => {
  const named = namingFilesIn(['/srv/art/models', '/srv/art/models/more/', '/my+files', '/']);

  it.each([
    ['/srv/art/models/Lora/ink.safetensors: cut off', 'Lora/ink.safetensors: cut off'],
    ['left out: /srv/art/models/a.pt, byte 3, and "/my+files/b c.pt"', 'left out: a.pt, byte 3, and "b c.pt"'],
    ['/srv/art/models/more/x.pt', 'x.pt'],
    ['No models were found in /srv/art/models, /my+files.', 'No models were found in models, my+files.'],
  ])('writes %j as %j', (text, wanted) => expect(named(text)).toBe(wanted));

  it.each(['/srv/art/models2/x.pt', '/mnt/srv/art/models/x.pt', '/srv/art/models.old', '/tmp/x.pt and /'])(
    'leaves the path of another folder, %j',
    (text) => expect(named(text)).toBe(text),
  );
});
