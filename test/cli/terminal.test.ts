/** cpu: Ctrl-C in a real terminal, through npm, which passes the signal on a second time. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';

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
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('ends generate after its step, says so, and gives the cursor back', async () => {
    const picture = join(folder, 'fox.png');
    const command = `npm run -s darkroom -- generate "a fox" --steps 1000 --out ${picture}`;
    const { screen, code } = await interrupted(command, /\d\/1000/);
    expect(screen).toContain('Stopped; no picture was finished.');
    expect(screen.lastIndexOf('\u001b[?25h')).toBeGreaterThan(screen.lastIndexOf('\u001b[?25l'));
    expect(code).toBe(130);
  });

  it('ends train after its step, keeps what it learnt and says from which step it goes on', async () => {
    const data = join(folder, 'pictures');
    mkdirSync(data, { recursive: true });
    for (const colour of ['red', 'green']) {
      const background = { width: 64, height: 64, channels: 3 as const, background: colour };
      await sharp({ create: background })
        .png()
        .toFile(join(data, `${colour}.png`));
      writeFileSync(join(data, `${colour}.txt`), `plain ${colour}`);
    }
    const vae = { blockChannels: [8, 16], layersPerBlock: 1, normGroups: 4 };
    const task = { task: 'autoencoder', run: join(folder, 'run'), data, vae, crop: 16, size: 32 };
    const pace = {
      steps: 1_000_000,
      batchSize: 1,
      learningRate: 0.001,
      checkpointEvery: 500_000,
      sampleEvery: 500_000,
    };
    const config = join(folder, 'train.json');
    writeFileSync(config, JSON.stringify({ ...task, ...pace }));
    const { screen, code } = await interrupted(`npm run -s darkroom -- train ${config} --json`, /"step":3\b/);
    expect(screen).toContain('Stopping after this step; the state is saved.');
    const done = Number(/(\d+) of 1000000 steps done/.exec(screen)?.[1]);
    expect(done).toBeGreaterThanOrEqual(3);
    expect(readdirSync(join(folder, 'run'), { recursive: true }).join(' ')).toContain(String(done));
    expect(code).toBe(130);
  });
});
