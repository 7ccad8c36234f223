/** `darkroom pull` from a hub on this machine. */

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Transfer } from '#cli/pull/transfer';
import { writeSafetensors } from '#formats/safetensors-writer';
import type { PullPlan } from '#studio/pull/plan';
import { TestHub } from '../fixtures/test-hub.ts';
import { cli, finished, fixture, startCli } from './run-cli.ts';

let root: string;
let hub: TestHub;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-pull-cli-'));
  hub = await TestHub.start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  rmSync(root, { recursive: true, force: true });
});

const embedding = readFileSync(fixture('adapters/embeddings/goldpt.pt'));
const unit = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
const lora = Buffer.concat(
  writeSafetensors([
    { name: `${unit}.lora_down.weight`, dtype: 'F16', shape: [4, 768], data: new Uint8Array(6144).fill(1) },
    { name: `${unit}.lora_up.weight`, dtype: 'F16', shape: [8192, 4], data: new Uint8Array(65_536).fill(1) },
  ]),
);
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const pull = async (...argv: string[]) =>
  await cli('pull', ...argv, '--models-dir', join(root, 'models'), '--allow-private');

describe('pull', () => {
  it('installs a file from an address where such files lie', async () => {
    hub.serve('/files/toy.pt', { body: embedding });
    const { code, stdout, stderr } = await pull(`${hub.url}/files/toy.pt`);
    expect(stderr).toMatch(/toy\.pt: toy\.pt, /);
    expect(code).toBe(0);
    expect(stdout).toBe(join(root, 'models/embeddings/toy.pt'));
    expect(readFileSync(stdout)).toEqual(embedding);
  });

  it('installs a file of a Hugging Face repository into the hub’s cache and links it', async () => {
    vi.stubEnv('HF_ENDPOINT', hub.url);
    vi.stubEnv('HF_HOME', join(root, 'hf'));
    const commit = 'c'.repeat(40);
    const siblings = [
      { rfilename: 'tiny.safetensors', lfs: { sha256: sha(lora), size: lora.length } },
      { rfilename: 'README.md', size: 3, blobId: 'b'.repeat(40) },
    ];
    hub.json('/api/models/owner/tiny/revision/main', { sha: commit, siblings, cardData: { license: 'mit' } });
    hub.serve(`/owner/tiny/resolve/${commit}/tiny.safetensors`, { body: lora });
    const { code, stdout } = await pull('owner/tiny', '--json');
    expect(code).toBe(0);
    const events = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events[0]).toEqual({
      type: 'plan',
      title: 'owner/tiny',
      files: [{ name: 'tiny.safetensors', bytes: lora.length }],
    });
    const [path] = events.at(-1)!.paths as string[];
    expect(readFileSync(path!)).toEqual(lora);
    expect(existsSync(join(root, 'hf/hub/models--owner--tiny/blobs', sha(lora)))).toBe(true);
    expect(JSON.parse(readFileSync(path!.replace('.safetensors', '.darkroom.json'), 'utf8'))).toMatchObject({
      licence: 'mit',
    });
  });

  it('takes a file of this machine', async () => {
    const file = join(root, 'mine.pt');
    writeFileSync(file, embedding);
    const { stdout } = await pull(file, '--kind', 'embedding');
    expect(stdout).toBe(join(root, 'models/embeddings/mine.pt'));
  });

  it('keeps what it has on Ctrl-C, and the same command goes on from there', async () => {
    hub.serve('/a.safetensors', { body: lora, stallAfter: 30_000 });
    const command = ['pull', `${hub.url}/a.safetensors`, '--models-dir', join(root, 'models'), '--allow-private'];
    const child = startCli(root, ...command, '--json');
    child.stdout.on('data', (data: Buffer) => {
      if (!child.killed && data.toString().includes('"type":"progress"')) child.kill('SIGINT');
    });
    const stopped = await finished(child);
    expect(stopped.code).toBe(130);
    expect(stopped.stdout.trim().split('\n').at(-1)).toMatch(/^\{"type":"stopped","done":\d+\}$/);
    const kept = readdirSync(join(root, 'models/.darkroom-downloads'), { recursive: true }) as string[];
    expect(kept.some((name) => name.endsWith('a.safetensors.part'))).toBe(true);
    const { code, stdout } = await pull(`${hub.url}/a.safetensors`);
    expect(code).toBe(0);
    expect(readFileSync(stdout)).toEqual(lora);
    expect(hub.seen.at(-1)!.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(existsSync(join(root, 'models/.darkroom-downloads'))).toBe(true);
    expect(readdirSync(join(root, 'models/.darkroom-downloads'))).toEqual([]);
  }, 180_000);

  it('lists models to start with', async () => {
    const { stdout } = await cli('pull', '--starters');
    expect(stdout).toMatch(/^Stable Diffusion 1\.5 {2,}4\.3 GB {2,}6\.\d GB {2,}CreativeML OpenRAIL-M/);
    expect((await cli('pull', 'starters')).stdout).toBe(stdout);
    const [first] = (await cli('pull', '--starters', '--json')).stdout.split('\n');
    expect(JSON.parse(first!)).toHaveProperty('sha256');
  });

  it('refuses what does not fit, in one sentence', async () => {
    hub.serve('/files/toy.pt', { body: embedding });
    const told = async (...argv: string[]) => {
      const { code, stderr, stdout } = await pull(...argv);
      expect([1, 2]).toContain(code);
      expect(stdout).toBe('');
      return stderr.split('\n').at(-1);
    };
    expect(await told('what is this')).toMatch(/^darkroom: "what is this" cannot be installed\. Give a Hugging Face/);
    expect(await told()).toBe('darkroom: Say what to pull, or ask for the list with --starters.');
    expect(await told(`${hub.url}/none.pt`)).toMatch(/answers 404\. There is no such file or model\.$/);
    expect(await told(`${hub.url}/files/toy.pt`, '--sha256', '12')).toBe(
      'darkroom: A sha256 has 64 hexadecimal digits.',
    );
    expect(await told(`${hub.url}/files/toy.pt`, '--sha256', '0'.repeat(64))).toMatch(/sha256/);
    const guarded = await cli('pull', `${hub.url}/files/toy.pt`, '--models-dir', join(root, 'models'));
    expect(guarded.code).toBe(1);
    expect(guarded.stderr).toMatch(/127\.0\.0\.1/);
    expect(existsSync(join(root, 'models/embeddings/toy.pt'))).toBe(false);
  });
});

describe('the progress of a pull', () => {
  it('counts bytes of all files, and speed from what came this time', () => {
    let time = 0;
    const transfer = new Transfer(() => time);
    const plan: Pick<PullPlan, 'files'> = {
      files: [
        { from: 'a', name: 'a', bytes: 1000 },
        { from: 'b', name: 'b' },
      ],
    };
    transfer.plan({ title: 't', card: {}, ...plan });
    transfer.update(0, 400, 1000);
    expect([transfer.done, transfer.total, transfer.speed]).toEqual([400, undefined, undefined]);
    time = 2000;
    transfer.update(0, 1000, 1000);
    transfer.update(1, 200, 1000);
    expect([transfer.done, transfer.total, transfer.speed, transfer.left]).toEqual([1200, 2000, 400, 2]);
  });
});
