/** cpu: Ctrl-C in a real terminal, through npm, which passes the signal on a second time. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));
// util-linux's, which makes a terminal for a command.
const hasTerminal = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
if (!hasTerminal) console.log('terminal tests skip: no `script` of util-linux here');

/** Runs a command in a terminal and types Ctrl-C once `ready` is on the screen. */
async function interrupted(command: string, ready: RegExp): Promise<{ screen: string; code: number | null }> {
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    cwd: repository,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  let typed = false;
  child.stdout.on('data', (bytes: Buffer) => {
    screen += bytes.toString();
    if (typed || !ready.test(screen)) return;
    typed = true;
    child.stdin.write('\u0003');
  });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { screen, code };
}

describe.skipIf(!hasTerminal)('Ctrl-C in a terminal', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-terminal-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('ends generate after its step, says so, and gives the cursor back', async () => {
    const picture = join(folder, 'fox.png');
    const command = `npm run -s darkroom -- generate "a fox" --steps 1000 --out ${picture}`;
    const { screen, code } = await interrupted(command, /\d\/1000/);
    expect(screen).toContain('Stopped; no picture was finished.');
    expect(screen.lastIndexOf('\u001b[?25h')).toBeGreaterThan(screen.lastIndexOf('\u001b[?25l'));
    expect(code).toBe(130);
  });
});
