import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Job } from '#api/records/job';
import { type GenerateRequest, generateSchema } from '#pipelines/request';
import { infotextOf, picture } from '../../../test/fixtures/fake-engine.ts';
import { EventBus, type ResetEvents } from '../events/bus.ts';
import { type FileSystemCalls, systemCalls } from '../files/whole-file.ts';
import { decodeImage } from '../images/codec.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { newId } from '../store/id.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import { Boards } from './boards.ts';
import { Gallery } from './gallery.ts';
import type { GalleryEvents, GalleryImage, ImageQuery } from './image.ts';
import { infotextFields } from './infotext-fields.ts';
import { readPictureFile } from './picture-file.ts';
import { PictureIndex } from './picture-index.ts';
import { adoptFiles, adoptPictures, mendTrash, rebuildGallery } from './rebuild.ts';

let root: string;
let outputs: string;
let db: Database;
let bus: EventBus<GalleryEvents & ResetEvents>;
let gallery: Gallery;
let boards: Boards;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'darkroom-gallery-'));
  outputs = join(root, 'outputs');
  bus = new EventBus();
  reopen();
});
afterEach(() => {
  db.close();
  rmSync(root, { recursive: true, force: true });
});

function reopen(calls?: FileSystemCalls): void {
  db = openDatabase(':memory:');
  migrate(db, migrations);
  gallery = makeGallery(calls);
  boards = new Boards(db, bus.emit);
}

function makeGallery(calls: FileSystemCalls = systemCalls): Gallery {
  return new Gallery({ db, outputs, thumbnails: join(root, 'thumbnails'), emit: bus.emit, calls });
}

interface Wish extends Partial<GenerateRequest> {
  readonly user?: string;
  readonly job?: string;
  readonly index?: number;
  readonly format?: 'png' | 'jpeg' | 'webp';
}

function save(prompt: string, wish: Wish = {}, into = gallery): Promise<GalleryImage> {
  const { user = 'local', job = newId(), index = 0, format = 'png', ...rest } = wish;
  const request: GenerateRequest = { ...generateSchema.parse({ prompt, seed: 5, ...rest }) };
  const model = { name: request.model ?? 'mini', hash: 'abcdef0123', family: 'sd1' };
  const seed = request.seed;
  const infotext = infotextOf({ ...request, model: model.name }, seed).replace('0123456789', model.hash);
  return into.save({ job, index, user, image: picture(request, seed), format, seed, infotext, model, request });
}

const prompts = (query: ImageQuery) => gallery.search({ limit: 500, ...query }).images.map((image) => image.prompt);

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort();
}

it('tells all pictures of a job in their order, more than a page of them', async () => {
  const index = new PictureIndex(db);
  const job = newId();
  for (let i = 600; i >= 0; i--) {
    const file = { path: `${i}.png`, format: 'png', bytes: 1, width: 64, height: 64, createdAt: 1000 + i };
    index.add({ ...file, user: 'local', job, index: i, seed: i, prompt: '', negativePrompt: '', infotext: '' });
  }
  expect((await gallery.ofJob(job)).map(({ index: place }) => place)).toEqual(Array.from({ length: 601 }, (_, i) => i));
});

describe('saving', () => {
  it('writes a file that says how it was made, and an entry with the same facts', async () => {
    const image = await save('a fox, at night', { negativePrompt: 'blurry', seed: 42, width: 128, height: 64 });
    expect(image).toMatchObject({
      prompt: 'a fox, at night',
      negativePrompt: 'blurry',
      seed: 42,
      width: 128,
      height: 64,
      model: 'mini',
      modelHash: 'abcdef0123',
      sampler: 'DPM++ 2M',
      rating: 0,
      tags: [],
      boards: [],
    });
    expect(image.path).toMatch(/^\d{4}-\d{2}-\d{2}\/[0-9a-z]{16}-0000-42\.png$/);
    const bytes = readFileSync(await gallery.file(image.id));
    expect(bytes.length).toBe(image.bytes);
    const decoded = await decodeImage(bytes);
    expect(decoded.infotext).toBe(image.infotext);
    expect(decoded.image).toEqual(picture({ width: 128, height: 64 }, 42));
    expect(filesIn(join(outputs, '.tmp'))).toEqual([]);
  });

  it('does not make a job’s picture twice', async () => {
    const job = newId();
    const first = await save('a', { job, index: 3 });
    expect(await save('a', { job, index: 3 })).toEqual(first);
    expect(gallery.count()).toBe(1);
    expect(filesIn(outputs)).toHaveLength(1);
    expect([...gallery.delivered(job)]).toEqual([3]);
  });

  it.each(['mkdir', 'open', 'write', 'sync', 'rename'] as const)(
    'leaves nothing behind when the disk is full at %s, and works afterwards',
    async (call) => {
      let full = true;
      const failing: FileSystemCalls = {
        ...systemCalls,
        [call]: async (...args: never[]) => {
          if (!full) return await (systemCalls[call] as (...a: never[]) => unknown)(...args);
          if (call === 'write') await systemCalls.write(args[0]!, new Uint8Array(10));
          throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        },
      };
      const small = makeGallery(failing);
      const job = newId();
      await expect(save('a', { job }, small)).rejects.toMatchObject({ code: 'disk-full' });
      expect(filesIn(outputs)).toEqual([]);
      expect(gallery.count()).toBe(0);
      full = false;
      await save('a', { job }, small);
      expect(gallery.count()).toBe(1);
    },
  );

  it('keeps every user’s pictures in a folder of their own', async () => {
    const image = await save('a', { user: 'ann' });
    expect(image.path).toMatch(/^ann\/\d{4}-/);
    expect(prompts({ user: 'bob' })).toEqual([]);
    expect(prompts({ user: 'ann' })).toEqual(['a']);
  });
});

describe('search', () => {
  it('counts once until something changes, by whomever', async () => {
    const file = join(root, 'counted.db');
    const [own, other] = [openDatabase(file), openDatabase(file)];
    migrate(own, migrations);
    let counts = 0;
    const counted = vi.spyOn(own, 'allElsewhere');
    const index = new PictureIndex(own);
    const facts = {
      format: 'png',
      bytes: 1,
      width: 64,
      height: 64,
      user: 'local',
      seed: 1,
      negativePrompt: '',
    } as const;
    const add = (place: number) =>
      index.add({ ...facts, path: `${place}.png`, index: place, createdAt: place, prompt: 'a fox', infotext: '' }).id;
    const total = async () => {
      const { total: found } = await index.page({ text: 'fox' });
      counts = counted.mock.calls.filter(([sql]) => sql.includes('count(*)')).length;
      return found;
    };
    const [first] = [add(1), add(2)];
    expect([await total(), await total(), counts]).toEqual([2, 2, 1]);
    index.remove(first);
    expect([await total(), await total(), counts]).toEqual([1, 1, 2]);
    other.run('DELETE FROM images');
    expect([await total(), await total(), counts]).toEqual([0, 0, 3]);
    for (const each of [own, other]) each.close();
  });

  it('finds by words, beginnings, phrases and exclusions', async () => {
    for (const prompt of ['a red fox in snow', 'a foxglove, red', 'snow on a (red:1.2) house', '赤い狐の絵'])
      await save(prompt);
    expect(prompts({ text: 'fox' }).sort()).toEqual(['a foxglove, red', 'a red fox in snow']);
    expect(prompts({ text: 'fox -glove snow' })).toEqual(['a red fox in snow']);
    expect(prompts({ text: '"fox in snow"' })).toEqual(['a red fox in snow']);
    expect(prompts({ text: '"fox snow"' })).toEqual([]);
    expect(prompts({ text: 'red -fox' })).toEqual(['snow on a (red:1.2) house']);
    expect(prompts({ text: '狐' })).toEqual(['赤い狐の絵']);
    expect(prompts({ text: 'RED' })).toHaveLength(3);
    expect(prompts({ text: 'red -house -glove*' })).toHaveLength(2);
    expect(prompts({ text: `fox ${'red '.repeat(80)}-house ${'-glove '.repeat(80)}` })).toHaveLength(2);
    expect(prompts({ text: 'sn\0ow fox' })).toEqual([]);
    expect(prompts({ text: 'fox\0snow' })).toEqual(['a red fox in snow']);
    const many = Array.from({ length: 33 }, (_, i) => `w${i}`).join(' ');
    expect(() => gallery.search({ text: many })).toThrow('33 different words and phrases; at most 32');
  });

  it.each(['"', '*', 'a" OR "b', ') (', 'NEAR(a b)', 'prompt:', '-', '%_\\', '!!!', "'; DROP TABLE images"])(
    'takes %s as words, not as syntax',
    async (text) => {
      await save('plain');
      expect(() => gallery.search({ text })).not.toThrow();
      expect(gallery.count()).toBe(1);
    },
  );

  it('filters by model, hash, sampler, rating, date, tags and board together', async () => {
    const a = await save('a', { model: 'one' });
    await save('b', { model: 'two', sampler: 'Euler a' });
    const c = await save('c', { model: 'two' });
    gallery.rate(c.id, 4);
    gallery.setTags(c.id, ['Nice', ' nice ', 'blue']);
    const board = await boards.create('local', 'Best');
    await boards.add(board.id, [a.id, c.id]);
    expect(prompts({ model: 'two' }).sort()).toEqual(['b', 'c']);
    expect(prompts({ model: 'abcdef0123' })).toHaveLength(3);
    expect(prompts({ sampler: 'euler A' })).toEqual(['b']);
    expect(prompts({ minRating: 4 })).toEqual(['c']);
    expect(prompts({ tags: ['nice'] })).toEqual(['c']);
    expect(prompts({ tags: ['nice', 'green'] })).toEqual([]);
    expect(prompts({ board: board.id, model: 'two' })).toEqual(['c']);
    expect(prompts({ from: Date.now() + 1000 })).toEqual([]);
    expect(prompts({ to: Date.now() + 1000 })).toHaveLength(3);
    expect(await gallery.tags()).toEqual([
      { tag: 'blue', images: 1 },
      { tag: 'nice', images: 1 },
    ]);
    expect(await gallery.facets()).toEqual({ models: ['one', 'two'], samplers: ['DPM++ 2M', 'Euler a'] });
    expect(gallery.get(c.id)).toMatchObject({ rating: 4, tags: ['blue', 'nice'], boards: [board.id] });
  });

  it.each(['newest', 'oldest', 'rating'] as const)('pages by %s without gaps or doubles', async (order) => {
    for (let i = 0; i < 11; i++) gallery.rate((await save(`p${i}`)).id, i % 3);
    const seen: GalleryImage[] = [];
    let cursor: string | undefined;
    do {
      const page = gallery.search({ order, limit: 4, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.images);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(new Set(seen.map((image) => image.id)).size).toBe(11);
    expect(seen).toHaveLength(11);
    if (order === 'rating') expect(seen.map((image) => image.rating)).toEqual([2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0]);
    else {
      const times = seen.map((image) => image.createdAt * (order === 'newest' ? -1 : 1));
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });

  it('refuses what is no rating, no picture, no board name', async () => {
    const image = await save('a');
    expect(() => gallery.rate(image.id, 6)).toThrow(expect.objectContaining({ code: 'image.rating' }));
    expect(() => gallery.get('nope')).toThrow(expect.objectContaining({ code: 'image.unknown' }));
    await expect(boards.create('local', '  ')).rejects.toThrow(expect.objectContaining({ code: 'board.name' }));
    const board = await boards.create('local', 'x');
    await expect(boards.create('local', 'x')).rejects.toThrow(/already/);
    const sql =
      "INSERT INTO boards (id, user, name, created_at) SELECT 'b' || value, 'ann', value, 0 FROM json_each(?)";
    db.run(sql, [JSON.stringify(Array.from({ length: 2000 }, (_, i) => i))]);
    await expect(boards.create('ann', 'x')).rejects.toMatchObject({ code: 'board.too-many' });
    await expect(boards.add(board.id, [image.id, 'nope'])).rejects.toThrow(
      expect.objectContaining({ code: 'image.unknown' }),
    );
    expect((await boards.get(board.id)).images).toBe(0);
  });
});

describe('trash', () => {
  it('hides a picture, brings it back, and only then removes it for good', async () => {
    const image = await save('a');
    gallery.rate(image.id, 3);
    await gallery.trash([image.id]);
    expect(prompts({})).toEqual([]);
    expect(prompts({ trashed: true })).toEqual(['a']);
    expect(existsSync(join(outputs, image.path))).toBe(false);
    expect(existsSync(await gallery.file(image.id))).toBe(true);
    await gallery.restore([image.id]);
    expect(existsSync(join(outputs, image.path))).toBe(true);
    expect(gallery.get(image.id)).toEqual({ ...image, rating: 3 });
    expect(await gallery.purge({ ids: [image.id] })).toBe(0);
    await gallery.trash([image.id]);
    expect(await gallery.purge({ before: 5 })).toBe(0);
    expect(await gallery.purge({ before: Date.now() + 1 })).toBe(1);
    expect(() => gallery.get(image.id)).toThrow();
    expect(filesIn(outputs)).toEqual([]);
  });

  it('keeps what is brought back while it is emptied', async () => {
    const images = [await save('a'), await save('b'), await save('c')];
    const ids = images.map(({ id }) => id);
    const [last] = ids.slice(-1) as [string];
    gallery.rate(last, 4);
    await gallery.trash(ids);
    const emptied = gallery.purge({ before: Date.now() + 1 });
    await gallery.restore([last]);
    expect(await emptied).toBe(2);
    expect(gallery.get(last).rating).toBe(4);
    expect(gallery.get(last).trashedAt).toBeUndefined();
    expect(existsSync(await gallery.file(last))).toBe(true);
    // And what is thrown away, brought back and purged at once is either there or gone, never half of it.
    await gallery.trash([last]);
    const [, purged] = await Promise.all([gallery.restore([last]), gallery.purge({ ids: [last] })]);
    expect(purged).toBe(0);
    expect(filesIn(outputs)).toEqual([basename(images[2]!.path)]);
  });

  it('keeps what cannot be removed, says so, and removes the others', async () => {
    const [stuck, other] = [await save('a'), await save('b')];
    await gallery.trash([stuck.id, other.id]);
    const file = await gallery.file(stuck.id);
    rmSync(file);
    mkdirSync(join(file, 'in the way'), { recursive: true });
    await expect(gallery.purge({ before: Date.now() + 1 })).rejects.toMatchObject({
      code: expect.stringMatching(/^disk/),
    });
    expect(prompts({ trashed: true })).toEqual(['a']);
    rmSync(file, { recursive: true });
    expect(await gallery.purge({ before: Date.now() + 1 })).toBe(1);
  });

  it('mends moves that a kill interrupted', async () => {
    const [a, b] = [await save('a'), await save('b')];
    await gallery.trash([a.id, b.id]);
    // Killed between the file's move and the note: a on its way out, b on its way back.
    db.run('UPDATE images SET trashed_at = NULL WHERE id = ?', [a.id]);
    renameSync(join(outputs, '.trash', b.path), join(outputs, b.path));
    await mendTrash(db, outputs);
    expect(prompts({ trashed: true })).toEqual(['a']);
    expect(prompts({})).toEqual(['b']);
    for (const id of [a.id, b.id]) expect(existsSync(await gallery.file(id))).toBe(true);
  });
});

describe('from files to index', () => {
  it('rebuilds everything that files can tell', async () => {
    const job = newId();
    const before = [
      await save('a fox, "red"\nsecond line', { negativePrompt: 'bad, worse', steps: 7, cfgScale: 3.5, job, index: 2 }),
      await save('kept by ann', { user: 'ann', format: 'webp', seed: 9 }),
      await save('as jpeg', { format: 'jpeg' }),
    ];
    await gallery.trash([before[2]!.id]);
    db.close();
    reopen();
    const report = await rebuildGallery(db, outputs, readPictureFile, bus.emit);
    expect(report).toEqual({ added: 3, away: 0, back: 0, kept: 0, problems: [] });
    const after = [...gallery.search().images, ...gallery.search({ trashed: true }).images];
    for (const image of before) {
      const found = after.find((other) => other.path === image.path)!;
      const { id: _id, createdAt: _at, trashedAt: _trashed, ...facts } = image;
      expect(found).toMatchObject({ ...facts, scheduler: 'Automatic' });
    }
    expect(prompts({ text: 'second' })).toHaveLength(1);
  });

  it('adds what is new, marks what is away, keeps ratings, and lists what it cannot read', async () => {
    const [a, b] = [await save('a'), await save('b')];
    gallery.rate(a.id, 5);
    rmSync(join(outputs, b.path));
    const day = join(outputs, b.path.split('/')[0]!);
    writeFileSync(join(day, 'holiday.png'), readFileSync(join(outputs, a.path)));
    writeFileSync(join(day, 'broken.png'), 'not a picture');
    writeFileSync(join(day, 'notes.txt'), 'ignored');
    symlinkSync(join(outputs, a.path), join(day, 'link.png'));
    const report = await rebuildGallery(db, outputs, readPictureFile, bus.emit);
    expect(report).toMatchObject({ added: 1, away: 1, back: 0, kept: 1 });
    expect(report.problems.map((problem) => problem.path.split('/')[1])).toEqual(['broken.png']);
    expect(gallery.get(a.id).rating).toBe(5);
    expect(prompts({}).sort()).toEqual(['a', 'a']);
  });

  it('takes pictures under any name that can be asked for, and says which cannot', async () => {
    const picture = readFileSync(join(outputs, (await save('a')).path));
    const odd = ['100%.png', '%2e%2e.png', '#1.png', 'a  b.png', '\u202egnp.png'];
    const unaskable = ['what?.png', 'bell\u0007.png', 'new\nline.png', 'back\\slash.png'];
    for (const name of [...odd, ...unaskable]) writeFileSync(join(outputs, name), picture);
    const noText = Buffer.concat([Buffer.from(`${outputs}/`), Buffer.from([0xff, 0xfe]), Buffer.from('.png')]);
    writeFileSync(noText, picture);
    const { added, problems } = await rebuildGallery(db, outputs, readPictureFile, bus.emit);
    const { images } = gallery.search();
    for (const { id } of images) expect(existsSync(await gallery.file(id))).toBe(true);
    expect(images.map(({ path }) => path)).toEqual(expect.arrayContaining(odd));
    expect([added, problems.length]).toEqual([odd.length, unaskable.length + 1]);
    expect(problems.map(({ path }) => path)).toEqual(expect.arrayContaining(unaskable));
  });

  it('forgets nothing of pictures whose folder was away, and finds moved ones again', async () => {
    const image = await save('a fox');
    const board = await boards.create('local', 'best');
    gallery.rate(image.id, 4);
    gallery.setTags(image.id, ['fox']);
    await boards.add(board.id, [image.id]);
    const marked = gallery.get(image.id);
    renameSync(outputs, `${outputs}-elsewhere`);
    expect(await rebuildGallery(db, outputs, readPictureFile, bus.emit)).toMatchObject({ added: 0, away: 1, kept: 0 });
    expect(prompts({})).toEqual([]);
    expect(prompts({ away: true })).toEqual(['a fox']);
    expect((await boards.get(board.id)).images).toBe(0);
    renameSync(`${outputs}-elsewhere`, outputs);
    expect(await rebuildGallery(db, outputs, readPictureFile, bus.emit)).toMatchObject({
      added: 0,
      away: 0,
      back: 1,
      kept: 1,
    });
    expect(gallery.get(image.id)).toEqual(marked);
    renameSync(join(outputs, image.path.split('/')[0]!), join(outputs, 'favourites'));
    expect(await rebuildGallery(db, outputs, readPictureFile, bus.emit)).toMatchObject({
      added: 0,
      away: 0,
      back: 1,
      kept: 1,
    });
    expect(gallery.get(image.id)).toEqual({ ...marked, path: image.path.replace(/^[^/]+/, 'favourites') });
  });

  it('takes in pictures of others, whatever the fraction of their time', async () => {
    const image = await save('a');
    const day = image.path.split('/')[0]!;
    writeFileSync(join(outputs, day, '00001-5.png'), readFileSync(join(outputs, image.path)));
    utimesSync(join(outputs, day, '00001-5.png'), 1_700_000_000.1234, 1_700_000_000.1234);
    const [id] = await adoptFiles(db, outputs, readPictureFile, [
      `${day}/00001-5.png`,
      image.path,
      `${day}/gone.png`,
      `${day}/a.txt`,
    ]);
    expect(id).toMatch(/^[0-9a-z]{16}$/);
    expect(gallery.get(id!)).toMatchObject({ prompt: 'a', createdAt: 1_700_000_000_123 });
    expect(gallery.get(id!).job).toBeUndefined();
    expect(await adoptFiles(db, outputs, readPictureFile, [`${day}/00001-5.png`])).toEqual([]);
    expect(gallery.count()).toBe(2);
  });

  it('notes a picture once when a rebuild saw its file first', async () => {
    const image = await save('a', { index: 3 });
    const { job, index, path } = image;
    db.run('DELETE FROM images');
    await rebuildGallery(db, outputs, readPictureFile, bus.emit);
    const again = await save('a', { job: job!, index: index! });
    expect(again).toMatchObject({ job, index, path });
    expect(gallery.count()).toBe(1);
  });

  it('adopts pictures of a killed job that were written but not noted down', async () => {
    const id = newId();
    for (const user of ['local', 'ann']) await save('mine', { job: id, index: user === 'ann' ? 1 : 0, user });
    await save('other');
    db.run('DELETE FROM images WHERE job = ?', [id]);
    const job = (user: string) => ({ id, user, createdAt: Date.now() }) as Job;
    const day = join(outputs, gallery.search().images[0]!.path.split('/')[0]!);
    writeFileSync(join(day, `${id}-0000-5.txt`), 'a caption that somebody put there');
    writeFileSync(join(day, `${id}-0009-5.png`), '');
    expect(await adoptPictures(db, outputs, readPictureFile, job('local'))).toEqual({
      adopted: 1,
      problems: [{ path: expect.stringMatching(/-0009-5\.png$/), message: expect.any(String) }],
    });
    expect((await adoptPictures(db, outputs, readPictureFile, job('ann'))).adopted).toBe(1);
    expect((await adoptPictures(db, outputs, readPictureFile, job('ann'))).adopted).toBe(0);
    expect([...gallery.delivered(id)].sort()).toEqual([0, 1]);
    expect(gallery.count()).toBe(3);
  });

  it('sweeps what killed writes left', async () => {
    await save('a');
    writeFileSync(join(outputs, '.tmp', 'half'), 'x');
    expect(await gallery.sweep()).toBe(1);
    expect(filesIn(join(outputs, '.tmp'))).toEqual([]);
  });

  it('refuses a file that a link leads out of the outputs', async () => {
    const image = await save('a');
    const outside = join(root, 'secret.png');
    renameSync(join(outputs, image.path), outside);
    symlinkSync(outside, join(outputs, image.path));
    await expect(gallery.file(image.id)).rejects.toMatchObject({ code: 'path.invalid' });
  });

  it('makes small copies once, and says when a file is gone', async () => {
    const image = await save('a', { width: 640, height: 512 });
    const small = await gallery.thumbnail(image.id);
    expect((await decodeImage(small)).image).toMatchObject({ width: 320, height: 256 });
    rmSync(join(outputs, image.path));
    expect(Buffer.from(await gallery.thumbnail(image.id))).toEqual(Buffer.from(small));
    await expect(gallery.file(image.id)).rejects.toMatchObject({ code: 'image.gone' });
    await expect(gallery.read(image.id)).rejects.toMatchObject({ code: 'image.gone' });
  });

  it('reads a picture that goes to the trash and back meanwhile, or says that it is gone', async () => {
    const image = await save('a');
    const bytes = readFileSync(join(outputs, image.path));
    let moving = true;
    const mover = (async () => {
      for (let n = 0; n < 60; n++) await (n % 2 === 0 ? gallery.trash([image.id]) : gallery.restore([image.id]));
      moving = false;
    })();
    while (moving) {
      const found = await gallery.read(image.id).catch((error: unknown) => error);
      if (Buffer.isBuffer(found)) expect(found).toEqual(bytes);
      else expect(found).toMatchObject({ code: 'image.gone' });
    }
    await mover;
    expect(await gallery.read(image.id)).toEqual(bytes);
  });
});

describe('infotext', () => {
  it('reads quoted values, and takes a text without parameters as a prompt', () => {
    const text = 'a\nb\nNegative prompt: c\nd\nSteps: 20, Sampler: "x, \\"y\\": z", CFG scale: 7.5, Seed: 12, Model: m';
    expect(infotextFields(text)).toEqual({
      prompt: 'a\nb',
      negativePrompt: 'c\nd',
      sampler: 'x, "y": z',
      scheduler: 'Automatic',
      steps: 20,
      cfgScale: 7.5,
      seed: 12,
      model: 'm',
    });
    expect(infotextFields('just: this, and: that')).toEqual({ prompt: 'just: this, and: that', negativePrompt: '' });
    expect(infotextFields('')).toEqual({ prompt: '', negativePrompt: '' });
  });
});
