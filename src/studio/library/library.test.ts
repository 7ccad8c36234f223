import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { planSafetensors, writeSafetensors } from '#formats/safetensors-writer';
import { readInfotext } from '#pipelines/settings/infotext-reading';
import { parseInfotext } from '#prompt/infotext';
import { EventBus, type ResetEvents } from '../events/bus.ts';
import { encodeImage } from '../images/codec.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { describeModel, readMetadata } from './describe.ts';
import { folderForKind } from './layout.ts';
import { Library, type LibraryOptions } from './library.ts';
import { localCheckpoint, withLocalNames } from './local-names.ts';
import type { LibraryEvents, LibraryModel } from './model.ts';
import { scanModels } from './scan.ts';

const goldens = fileURLToPath(new URL('../../../test/goldens/data/models/', import.meta.url));

let root: string;
let db: Database;
let bus: EventBus<LibraryEvents & ResetEvents>;
const open: Library[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-library-'));
  db = openDatabase(':memory:');
  migrate(db, migrations);
  bus = new EventBus();
});
afterEach(async () => {
  for (const library of open.splice(0)) await library.close();
  rmSync(root, { recursive: true, force: true });
});

function makeLibrary(extra: Partial<LibraryOptions> = {}): Library {
  const library = new Library({ db, roots: [root], emit: bus.emit, ...extra });
  open.push(library);
  return library;
}

function put(path: string, content: string | Uint8Array = 'x'): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** A LoRA for models of the given context width. */
function lora(width: number, metadata: Record<string, string> = {}, fill = 1): Buffer {
  const name = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
  const tensors = [
    { name: `${name}.lora_down.weight`, dtype: 'F16', shape: [4, width], data: new Uint8Array(8 * width).fill(fill) },
    { name: `${name}.lora_up.weight`, dtype: 'F16', shape: [320, 4], data: new Uint8Array(2560).fill(fill) },
  ] as const;
  return Buffer.concat(writeSafetensors(tensors, metadata));
}

/** A checkpoint with SD 1.5's names and shapes and nothing in it: a file of holes. */
function putCheckpoint(path: string): string {
  const keys = JSON.parse(readFileSync(join(goldens, 'keys/sd15.single.json'), 'utf8')) as [string, number[]][];
  const plan = planSafetensors(keys.map(([name, shape]) => ({ name, dtype: 'F16', shape })));
  const file = put(path, plan.header);
  truncateSync(file, plan.size);
  return file;
}

const names = (library: Library) => library.list().map((model) => `${model.kind}:${model.name}`);

describe('folders', () => {
  it('reads A1111’s and ComfyUI’s folders in place, and a plain folder as it is', async () => {
    for (const path of [
      'a/models/Stable-diffusion/sub/one.ckpt',
      'a/models/Stable-diffusion/one.vae.pt',
      'a/models/VAE/v.safetensors',
      'a/models/Lora/l.safetensors',
      'a/embeddings/e.pt',
      'a/models/ESRGAN/u.pth',
      'c/checkpoints/two.safetensors',
      'c/loras/deep/er/m.safetensors',
      'c/controlnet/n.pth',
      'c/upscale_models/w.pth',
      'plain/three.safetensors',
      'plain/notes.txt',
      'plain/half.safetensors.part',
      'plain/.cache/hidden.safetensors',
    ]) {
      put(path);
    }
    const found = await scanModels(['a', 'c', 'plain', 'gone'].map((name) => join(root, name)));
    expect(found.map((model) => `${model.kind}:${model.name}`)).toEqual([
      'lora:deep/er/m',
      'embedding:e',
      'lora:l',
      'controlnet:n',
      'vae:one.vae',
      'checkpoint:sub/one',
      'undefined:three',
      'checkpoint:two',
      'upscaler:u',
      'vae:v',
      'upscaler:w',
    ]);
  });

  it('follows links once, and takes a diffusers folder as one model', async () => {
    put('models/checkpoints/diff/model_index.json', '{}');
    put('models/checkpoints/diff/unet/diffusion_pytorch_model.safetensors', 'abc');
    const elsewhere = put('elsewhere/big.safetensors');
    symlinkSync(elsewhere, join(root, 'models/checkpoints/linked.safetensors'));
    symlinkSync(join(root, 'models'), join(root, 'models/checkpoints/loop'));
    symlinkSync(join(root, 'nowhere'), join(root, 'models/checkpoints/dangling.safetensors'));
    const found = await scanModels([root]);
    expect(found.map((model) => [model.name, model.bytes])).toEqual([
      ['diff', 5],
      ['linked', 1],
    ]);
  });

  it('finds loose files beside folders of known names, and a root that is a diffusers folder itself', async () => {
    const empty = ['vae/README', 'embeddings/README', 'clip/README'];
    for (const file of [...empty, 'Lora/a.safetensors', 'loose.safetensors', 'mine/deep.ckpt']) put(`plain/${file}`);
    put('webui/models/Stable-diffusion/x.ckpt');
    put('webui/models/other/y.safetensors');
    put('webui/embeddings/e.pt');
    put('webui/beside.safetensors');
    put('webui/extensions/tool/weights.pt');
    put('diff/model_index.json', '{}');
    put('diff/vae/diffusion_pytorch_model.safetensors');
    const found = await scanModels(['plain', 'webui', 'diff'].map((name) => join(root, name)));
    expect(found.map(({ name, kind }) => `${kind}:${name}`)).toEqual([
      'lora:a',
      'undefined:beside',
      'checkpoint:diff',
      'embedding:e',
      'undefined:loose',
      'undefined:mine/deep',
      'undefined:other/y',
      'checkpoint:x',
    ]);
  });

  it('lists the other models when one has a name too long for side files', async () => {
    put(`models/${'n'.repeat(243)}.safetensors`);
    put('models/z.safetensors');
    const library = makeLibrary({ roots: [join(root, 'models')] });
    await library.start();
    expect(library.list().map((model) => model.name.slice(0, 1))).toEqual(['n', 'z']);
  });

  it('knows where a new model of a kind goes', async () => {
    put('a/models/Stable-diffusion/x.ckpt');
    put('c/loras/x.safetensors');
    put('plain/x.safetensors');
    const at = async (folder: string, kind: 'lora' | 'checkpoint') =>
      (await folderForKind(join(root, folder), kind)).slice(root.length + 1);
    expect(await at('a', 'checkpoint')).toBe('a/models/Stable-diffusion');
    expect(await at('a', 'lora')).toBe('a/models/loras');
    expect(await at('c', 'lora')).toBe('c/loras');
    expect(await at('plain', 'lora')).toBe('plain');
    expect(await at('new', 'lora')).toBe('new/loras');
  });
});

describe('library', () => {
  it('tells kind and family by the header, wherever a file lies', async () => {
    putCheckpoint('models/checkpoints/sd.safetensors');
    put('models/checkpoints/misplaced.safetensors', lora(2048));
    put('models/loras/style.safetensors', lora(768));
    put('embeddings/toy.bin', readFileSync(join(goldens, 'adapters/embeddings/gold-toy.bin')));
    const library = makeLibrary();
    await library.start();
    expect(names(library)).toEqual(['lora:misplaced', 'checkpoint:sd', 'lora:style', 'embedding:toy']);
    const byName = Object.fromEntries(library.list().map((model) => [model.name, model.description]));
    expect(byName.sd).toMatchObject({ family: 'sd1', title: expect.stringContaining('Stable Diffusion 1') });
    expect(byName.sd!.parameters).toBeGreaterThan(1e9);
    expect(byName.misplaced).toMatchObject({ family: 'sdxl' });
    expect(byName.style).toMatchObject({ family: 'sd1' });
    expect(library.list({ kind: 'lora', family: 'sdxl' }).map((model) => model.name)).toEqual(['misplaced']);
  });

  it('lists broken and hostile files with what is wrong, and does not run them', async () => {
    put('models/checkpoints/empty.safetensors', '');
    put('models/checkpoints/page.safetensors', '<!doctype html><title>Sign in</title>');
    put('models/checkpoints/lfs.safetensors', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n');
    for (const name of ['reduce-os-system', 'reduce-builtins-eval', 'bomb-data-pkl', 'deep-nesting', 'doubling']) {
      put(`models/checkpoints/${name}.ckpt`, readFileSync(join(goldens, `ckpt/hostile/${name}.ckpt`)));
    }
    const library = makeLibrary();
    await library.start();
    const models = library.list();
    expect(models).toHaveLength(8);
    for (const model of models) expect(model.description.problem, model.name).toBeTruthy();
    const problem = (name: string) => models.find((model) => model.name === name)!.description.problem;
    expect(problem('page')).toMatch(/web page/);
    expect(problem('lfs')).toMatch(/LFS/);
    expect(problem('reduce-os-system')).toMatch(/system/);
  });

  it('hashes: sha256, short, AutoV3, legacy', async () => {
    const content = Buffer.concat([lora(768), Buffer.alloc(0)]);
    const padded = lora(300_000, {}, 7);
    put('models/loras/a.safetensors', content);
    put('models/loras/big.safetensors', padded);
    const seen: string[] = [];
    bus.subscribe((event) => event.type === 'library.hashing' && seen.push(event.data.name));
    const library = makeLibrary();
    await library.start();
    for (const { id } of library.unhashed()) await library.hash(id);
    const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    for (const [name, bytes] of [
      ['a', content],
      ['big', padded],
    ] as const) {
      const model = library.find(name, ['lora']);
      const header = 8 + Number(bytes.readBigUInt64LE());
      expect(model).toMatchObject({
        sha256: sha(bytes),
        shortHash: sha(bytes).slice(0, 10),
        autoV3: sha(bytes.subarray(header)).slice(0, 12),
        legacyHash: sha(bytes.subarray(2 ** 20, 2 ** 20 + 2 ** 16)).slice(0, 8),
        title: `${name}.safetensors [${sha(bytes).slice(0, 10)}]`,
      });
      expect(library.byHash(model.autoV3!).map((m) => m.name)).toEqual([name]);
    }
    expect(new Set(seen)).toEqual(new Set(['a', 'big']));
  });

  it('keeps what it knows over a restart, and looks again at what changed', async () => {
    const file = put('models/loras/a.safetensors', lora(768));
    const first = makeLibrary();
    await first.start();
    for (const { id } of first.unhashed()) await first.hash(id);
    const before = first.list()[0]!;
    first.setCard(before.id, { notes: 'mine' });
    await first.close();
    const second = makeLibrary();
    await second.start();
    expect(second.list()).toEqual([{ ...before, card: { notes: 'mine' } }]);
    writeFileSync(file, lora(2048));
    utimesSync(file, 1000, 1000);
    await second.refresh();
    const after = second.list()[0]!;
    expect(after).toMatchObject({ id: before.id, card: { notes: 'mine' }, description: { family: 'sdxl' } });
    expect(after.sha256).toBeUndefined();
    rmSync(file);
    await second.refresh();
    expect(second.list()).toEqual([]);
    writeFileSync(file, lora(2048));
    utimesSync(file, 1000, 1000);
    await second.refresh();
    expect(second.list()[0]).toMatchObject({ id: before.id, card: { notes: 'mine' } });
  });

  it('reads files again that another version described, and keeps what it knows beside', async () => {
    put('models/loras/a.safetensors', lora(768));
    const first = makeLibrary();
    await first.start();
    const [{ id }] = first.list() as [LibraryModel];
    const hashed = await first.hash(id);
    await first.close();
    const old = `UPDATE models SET kind = 'unknown', description = json_set(description, '$.version', 1, '$.family', 'old')`;
    db.run(old);
    const second = makeLibrary();
    await second.start();
    expect(second.list()).toEqual([hashed]);
  });

  it('notices new files by itself', async () => {
    put('models/loras/a.safetensors', lora(768));
    const library = makeLibrary();
    await library.start();
    const noticed = new Promise<void>((resolve) => {
      bus.subscribe((event) => event.type === 'library.changed' && event.data.added > 0 && resolve());
    });
    put('models/loras/b.safetensors', lora(768));
    await noticed;
    expect(names(library)).toEqual(['lora:a', 'lora:b']);
    // In a folder that was not there before.
    put('models/embeddings/c.safetensors', lora(768));
    await library.refresh();
    const again = new Promise<void>((resolve) => {
      bus.subscribe((event) => event.type === 'library.changed' && event.data.added > 0 && resolve());
    });
    put('models/embeddings/d.safetensors', lora(768));
    await again;
    expect(names(library)).toEqual(['lora:a', 'lora:b', 'lora:c', 'lora:d']);
  });

  it('finds by name, title, file, hash and part, and names the nearest', async () => {
    for (const name of ['sub/dreamlike', 'dreamlike-photoreal', 'other'])
      put(`models/loras/${name}.safetensors`, lora(768));
    const library = makeLibrary();
    await library.start();
    for (const { id } of library.unhashed()) await library.hash(id);
    const name = (wanted: string) => library.find(wanted, ['lora']).name;
    const { shortHash, title } = library.find('other', ['lora']);
    expect(name('sub/dreamlike')).toBe('sub/dreamlike');
    expect(name('dreamlike.safetensors')).toBe('sub/dreamlike');
    expect(name('DREAMLIKE')).toBe('sub/dreamlike');
    expect(name('photo')).toBe('dreamlike-photoreal');
    expect(name(title)).toBe(title === library.find(shortHash!, ['lora']).title ? name(shortHash!) : 'other');
    expect(name(`other.safetensors [${'0'.repeat(10)}]`)).toBe('other');
    expect(() => library.find('[deadbeef]', ['lora'])).toThrow(expect.objectContaining({ code: 'model.unknown' }));
    expect(() => library.find('othr', ['lora'])).toThrow(/other/);
    expect(() => library.find('dreamlike', ['checkpoint'])).toThrow(
      /^There is no checkpoint called "dreamlike"\. sub\/dreamlike is an? /,
    );
    expect(() => library.find('', ['lora'])).toThrow(expect.objectContaining({ code: 'model.unknown' }));
    const told: string[] = [];
    expect(library.find('photo', ['lora'], told).name).toBe('dreamlike-photoreal');
    expect(told).toEqual([expect.stringMatching(/^Nothing is called "photo"; dreamlike-photoreal was taken/)]);
    expect(library.named('DREAMLIKE', ['lora']).name).toBe('sub/dreamlike');
    expect(() => library.named('photo', ['lora'])).toThrow(expect.objectContaining({ code: 'model.unknown' }));
  });

  it('takes no other model for one that the first look has not come to yet', async () => {
    for (const name of ['a-dreamlike', 'dreamlike']) put(`models/loras/${name}.safetensors`, lora(768));
    const library = makeLibrary();
    const found = new Promise<string>((resolve) => {
      const off = bus.subscribe(({ type }) => {
        if (type !== 'library.scanning' || library.list().length !== 1) return;
        off();
        try {
          resolve(library.find('dreamlike', ['lora']).name);
        } catch (error) {
          resolve((error as Error).message);
        }
      });
    });
    await library.start();
    expect(await found).toMatch(/no lora called "dreamlike".*still being looked through/);
    expect(library.find('dreamlike', ['lora']).name).toBe('dreamlike');
    expect(library.find('ike', ['lora']).name).toBe('dreamlike');
  });

  it('reads the card of a model that is asked for before the first look has come to it', async () => {
    put('models/loras/dreamlike.safetensors', lora(768));
    put('models/loras/dreamlike.json', JSON.stringify({ description: 'of dreams' }));
    put('own/mini.safetensors', lora(768));
    put('own/mini.json', JSON.stringify({ description: 'small' }));
    const own = { embeddedModels: [join(root, 'own/mini.safetensors')] };
    const before = makeLibrary();
    await before.refresh();
    await before.close();
    // What comes first is new, and takes a reader's process to describe.
    put('models/loras/a.safetensors', lora(768));
    const library = makeLibrary(own);
    let isLooked = false;
    const started = library.start().then(() => {
      isLooked = true;
    });
    expect(library.find('dreamlike', ['lora']).card.description).toBeUndefined();
    await library.readCardOf('dreamlike', ['lora']);
    expect(library.find('dreamlike', ['lora']).card.description).toBe('of dreams');
    expect(isLooked).toBe(false);
    await library.readCardOf('', ['lora']);
    expect(library.list().find(({ embedded }) => embedded)?.card.description).toBe('small');
    await started;
    expect(library.list().map(({ name }) => name)).toEqual(['mini', 'a', 'dreamlike']);
  });

  it('puts cards together from side files and metadata, the user’s own first', async () => {
    const metadata = {
      'modelspec.license': 'CreativeML OpenRAIL-M',
      ss_tag_frequency: JSON.stringify({ a: { fox: 3, tree: 1 }, b: { fox: 2 } }),
      'modelspec.trigger_phrase': 'from metadata',
    };
    put('models/loras/a.safetensors', lora(768, metadata));
    const preferred = { cfgScale: 3, steps: 12, mood: 'dark' };
    const side = { 'activation text': 'foxy, red', 'preferred weight': 0.8, notes: 'n', preferred, vae: 'soft.pt' };
    put('models/loras/a.json', JSON.stringify(side));
    put('models/loras/a.civitai.info', JSON.stringify({ trainedWords: ['civ'], modelId: 12, baseModel: 'SD 1.5' }));
    put('models/loras/b.safetensors', lora(768));
    put('models/loras/b.json', '{broken');
    const library = makeLibrary();
    await library.start();
    const [a, b] = library.list();
    expect(a!.card).toEqual({
      triggerWords: ['foxy', 'red'],
      preferredWeight: 0.8,
      preferred: { cfgScale: 3, steps: 12 },
      notes: 'n',
      vae: 'soft.pt',
      baseModel: 'SD 1.5',
      source: 'https://civitai.com/models/12',
      licence: 'CreativeML OpenRAIL-M',
    });
    expect(a!.description.trainedTags).toEqual([
      ['fox', 5],
      ['tree', 1],
    ]);
    expect(b!.card).toEqual({});
    expect(library.setCard(a!.id, { notes: 'mine' }).card).toMatchObject({ notes: 'mine', preferredWeight: 0.8 });
    expect(library.list({ text: 'FOXY' }).map((model) => model.name)).toEqual(['a']);
  });

  it('shows previews from beside a file and from inside it', async () => {
    const image = { width: 4, height: 4, channels: 3, data: new Uint8Array(48) } as const;
    const png = await encodeImage(image, 'png');
    const inside = { 'modelspec.thumbnail': `data:image/png;base64,${Buffer.from(png).toString('base64')}` };
    put('models/loras/a.safetensors', lora(768));
    put('models/loras/a.preview.png', png);
    put('models/loras/b.safetensors', lora(768, inside));
    put('models/loras/c.safetensors', lora(768));
    const library = makeLibrary();
    await library.start();
    const [a, b, c] = library.list();
    for (const model of [a!, b!]) expect(Buffer.from((await library.preview(model.id))!)).toEqual(Buffer.from(png));
    expect([a, b, c].map((model) => model!.hasPreview)).toEqual([true, true, false]);
    expect(await library.preview(c!.id)).toBeUndefined();
    expect(b!.description.metadata['modelspec.thumbnail']?.length ?? 0).toBeLessThanOrEqual(4000);
    expect(await library.metadata(b!.id)).toEqual(inside);
  });

  it('reads infotexts by the names that files have now: by hash after they were moved, else as they are', async () => {
    put('models/loras/deep/fox-v2.safetensors', lora(768, {}, 2));
    put('models/loras/kept.safetensors', lora(768, {}, 3));
    put('models/embeddings/au.pt', readFileSync(join(goldens, 'adapters/embeddings/goldpt.pt')));
    const tiny = readFileSync(join(goldens, 'tiny-sd1/tiny-sd1.safetensors'));
    const checkpoint = put('models/Stable-diffusion/renamed.safetensors', tiny);
    const library = makeLibrary();
    await library.start();
    const hashes = new Map<string, LibraryModel>();
    for (const { id, name } of library.list()) hashes.set(name, await library.hash(id));
    const [fox, au, model] = ['deep/fox-v2', 'au', 'renamed'].map((name) => hashes.get(name)!);
    const text =
      '<lora:fox:0.7> gold fox <lora:kept:1> <lora:gone:1>\nNegative prompt: gold\nSteps: 2, Sampler: Euler, Seed: 1, ' +
      `Model hash: ${model!.shortHash}, Model: old name, Lora hashes: "fox: ${fox!.autoV3}, kept: ${fox!.autoV3}, ` +
      `gone: 0123456789ab", TI hashes: "gold: ${au!.sha256!.slice(0, 12)}"`;
    const read = await withLocalNames(readInfotext(text), library);
    expect(read.Prompt).toBe('<lora:fox-v2:0.7> au fox <lora:kept:1> <lora:gone:1>');
    expect(read['Negative prompt']).toBe('au');
    expect(localCheckpoint(read, library)).toBe('renamed');
    expect(checkpoint).toBe(model!.path);
    const { 'Model hash': _hash, ...byName } = parseInfotext(text.replace('old name', 'renamed'));
    expect(localCheckpoint(byName as typeof read, library)).toBe('renamed');
  });

  it('lists the embedded model first, outside all folders', async () => {
    put('models/loras/a.safetensors', lora(768));
    const embeddedModel = putCheckpoint('elsewhere/mini.safetensors');
    const library = makeLibrary({ embeddedModels: [embeddedModel], roots: [join(root, 'models')] });
    await library.start();
    expect(library.list().map((model) => [model.name, model.embedded])).toEqual([
      ['mini', true],
      ['a', false],
    ]);
  });
});

it('tells no more of a file than anybody has to say of a model', async () => {
  const file = join(root, 'much.safetensors');
  const values = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'v'.repeat(100)]));
  const header = JSON.stringify({ __metadata__: { first: 'a', long: 'l'.repeat(3_000_000), ...values } });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(file, Buffer.concat([length, Buffer.from(header)]));
  const told = await readMetadata(file);
  expect(told).toMatchObject({ first: 'a', k9: 'v'.repeat(100), long: '(3000000 characters, left out)' });
  expect(Object.keys(told)).toHaveLength(1000);
  // In lists, which have it of every model, 64 Ki characters.
  const listed = Object.entries((await describeModel(file)).metadata)
    .flat()
    .join('');
  expect(listed.length).toBeGreaterThan(65_000);
  expect(listed.length).toBeLessThanOrEqual(65_536);
});
