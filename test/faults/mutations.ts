/**
 * Breaks in the sources, each of a kind that would lose what was promised or let somebody in, with the tests that are
 * to notice it. `find` stands exactly once in its file. The first `shortCount` run with every change, all of them by
 * `npm run faults -- mutations`.
 */

export interface Mutation {
  readonly breaks: string;
  readonly file: string;
  readonly find: string;
  readonly replacement: string;
  readonly tests: readonly string[];
}

export const shortCount = 4;

const gallery = { file: 'src/studio/gallery/gallery.ts', tests: ['src/studio/gallery/gallery.test.ts'] };
const queue = { file: 'src/studio/queue/sqlite-queue.ts', tests: ['src/studio/queue/queue.test.ts'] };
const origin = { file: 'src/server/safety/origin.ts', tests: ['src/server/safety/safety.test.ts'] };
const guesses = { file: 'src/server/safety/guesses.ts', tests: ['src/server/safety/sign-in.test.ts'] };
const body = { file: 'src/studio/reader/bounded-json.ts', tests: ['src/server/http/body.test.ts'] };
const paths = { file: 'src/studio/files/safe-path.ts', tests: ['src/studio/files/safe-path.test.ts'] };
const uploads = { file: 'src/studio/images/codec.ts', tests: ['src/studio/work/inputs.test.ts'] };
const store = { file: 'src/studio/store/migrate.ts', tests: ['src/studio/store/store.test.ts'] };
const inputs = { file: 'src/studio/work/inputs.ts', tests: ['src/studio/work/inputs.test.ts'] };
const users = { file: 'src/studio/users/password.ts', tests: ['src/studio/users/users.test.ts'] };
const trash = { file: 'src/studio/gallery/old-trash.ts', tests: ['src/studio/gallery/old-trash.test.ts'] };
const address = { file: 'src/studio/net/address.ts', tests: ['src/studio/net/address.test.ts'] };
const events = { file: 'src/server/native/event-outbox.ts', tests: ['src/server/native/event-outbox.test.ts'] };
const whole = { file: 'src/studio/files/whole-file.ts', tests: ['src/studio/gallery/gallery.test.ts'] };
const database = { file: 'src/studio/store/database.ts', tests: ['src/studio/store/store.test.ts'] };

export const mutations: readonly Mutation[] = [
  {
    ...paths,
    breaks: 'paths may lead out of their folder',
    find: 'if (!names.every(isSafeName)) throw invalid(path);',
    replacement: '',
  },
  {
    ...body,
    breaks: 'values may nest without end',
    find: 'if (depth === deepestJson)',
    replacement: 'if (depth < 0)',
  },
  {
    ...trash,
    breaks: 'the trash is emptied by a clock that jumped',
    find: 'return drift > toleranceMs ? undefined : ',
    replacement: 'return ',
  },
  {
    ...queue,
    breaks: 'a cancel of a waiting job is not remembered',
    find: "else if (job.state === 'queued' || job.state === 'paused') this.#end(id, { state: 'cancelled' });",
    replacement: '',
  },
  {
    ...gallery,
    breaks: 'the trash moves no file',
    find: 'await this.#calls.rename(pathInside(from, row.path), target);',
    replacement: '',
  },
  {
    ...gallery,
    breaks: 'a picture in the trash is shown as before',
    find: 'await patiently(() => this.#index.update(id, { trashedAt }));',
    replacement: '',
  },
  {
    ...gallery,
    breaks: 'a picture is made twice after a kill',
    find: 'if (known) return known;',
    replacement: '',
  },
  {
    ...gallery,
    breaks: 'a rating is not kept',
    find: 'this.#index.update(this.get(id).id, { rating });',
    replacement: '',
  },
  {
    ...gallery,
    file: 'src/studio/gallery/search.ts',
    breaks: 'no picture is found by its words',
    find: 'WHERE images_text MATCH ?)',
    replacement: 'WHERE images_text MATCH ? AND 0)',
  },
  {
    ...queue,
    breaks: 'a cancel of a running job is not remembered',
    find: "this.#table.update(id, { stop: hard || already === 'kill' ? 'kill' : 'cancel' });",
    replacement: 'void already;',
  },
  {
    ...queue,
    breaks: 'jobs are taken while the queue is paused',
    find: 'if (kindRules[kind].isHeld && readPause(this.#db).paused) return undefined;',
    replacement: '',
  },
  {
    ...queue,
    breaks: 'one user keeps the others from their turn',
    find: 'ORDER BY coalesce(turn, 0), position',
    replacement: 'ORDER BY position',
  },
  {
    ...queue,
    breaks: 'any job may be retried',
    find: "this.#requireState(id, ['failed', 'cancelled'], 'retried');",
    replacement: '',
  },
  {
    ...queue,
    breaks: 'clearing takes jobs that wait',
    find: '.filter((state) => (endStates as readonly JobState[]).includes(state))',
    replacement: '',
  },
  {
    ...origin,
    breaks: 'any name reaches the server',
    find: 'if (isAllowedHost(host, rules.allowedHosts) || signsIn) return;',
    replacement: 'return;',
  },
  {
    ...origin,
    breaks: 'pages of any origin may ask',
    find: 'if (own !== undefined && own === host.toLowerCase()) return undefined;',
    replacement: 'return undefined;',
  },
  {
    ...origin,
    breaks: 'any page may embed pictures',
    find: 'if (isLink) return undefined;',
    replacement: 'return undefined;',
  },
  {
    ...guesses,
    breaks: 'guesses that arrive together are not counted',
    find: 'if (wait > 0 || working >= atOnce)',
    replacement: 'if (wait > 1e9)',
  },
  {
    ...guesses,
    breaks: 'right credentials are locked out by others',
    find: 'const wait = isFirst ? 0 : Math.max(...waits);',
    replacement: 'const wait = Math.max(...waits);',
  },
  {
    ...guesses,
    file: 'src/api/rights.ts',
    breaks: 'a user may change settings',
    find: "settings: 'admin'",
    replacement: "settings: 'user'",
    tests: [
      'src/server/native/effects.test.ts',
      'src/server/safety/sign-in.test.ts',
      'src/server/safety/safety.test.ts',
    ],
  },
  {
    ...body,
    breaks: 'a body may have any number of values',
    find: 'if (++count > most) return true;',
    replacement: '',
  },
  {
    ...body,
    file: 'src/studio/reader/bounded-form.ts',
    breaks: 'a form may have any number of parts',
    find: 'if (++count > 2 * most) return true;',
    replacement: '',
  },
  {
    ...paths,
    breaks: 'links lead out of the folder',
    find: 'if (!isBelow(realRoot, realFile)) throw invalid(path);',
    replacement: '',
  },
  {
    ...uploads,
    breaks: 'a picture may have any length',
    find: ' || Math.max(size.width, size.height) > maxSide',
    replacement: '',
  },
  {
    ...inputs,
    file: 'src/studio/reader/uploads.ts',
    breaks: 'an upload leaves its file behind',
    find: 'for (const file of written) await rm(file, { force: true });',
    replacement: '',
  },
  {
    ...inputs,
    breaks: 'an engine is given a file that is gone',
    find: 'throw gone(job, role, error);\n      });',
    replacement: 'void error;\n      });',
  },
  {
    ...store,
    breaks: 'a database of a newer version is written to',
    find: 'if (from > migrations.length) {',
    replacement: 'if (from > 1e9) {',
  },
  {
    ...store,
    breaks: 'the copy before a migration may be half of it',
    find: 'rmSync(aside, { force: true });',
    replacement: '',
  },
  {
    ...users,
    breaks: 'any password fits',
    find: 'return expected.length === derived.length && timingSafeEqual(expected, derived);',
    replacement: 'return expected.length === derived.length;',
  },
  {
    ...address,
    breaks: 'addresses of the local network are fetched from',
    find: "  ['10.0.0.0', 8],\n",
    replacement: '',
  },
  {
    ...whole,
    breaks: 'a failed write leaves its half behind',
    find: 'await rm(temporary, { force: true });',
    replacement: '',
  },
  {
    ...database,
    breaks: 'a transaction that throws is kept',
    find: "if (this.#connection.inTransaction) this.exec('ROLLBACK');",
    replacement: "if (this.#connection.inTransaction) this.exec('COMMIT');",
  },
  {
    ...body,
    breaks: 'a body may have any number of names',
    find: 'if (hashes.size > most) return true;',
    replacement: '',
  },
  {
    ...body,
    file: 'src/studio/reader/large-bodies.ts',
    breaks: 'an account may send any number of large requests at once',
    find: 'if (busy !== undefined || this.#count >= mostAtOnce) {',
    replacement: 'if (busy === "") {',
  },
  {
    ...body,
    file: 'src/studio/reader/large-bodies.ts',
    breaks: 'a large request leaves its pictures behind',
    find: 'await rm(picture.file, { force: true });',
    replacement: '',
  },
  {
    ...database,
    file: 'src/studio/store/patience.ts',
    breaks: 'a busy database fails what it meets',
    find: 'if (!isBusy(error) || left <= 1) throw error;',
    replacement: 'throw error;',
  },
  {
    ...body,
    breaks: 'halves of surrogate pairs stay as they came',
    find: 'return mayHaveHalves(buffer) ? wellFormed(value) : value;',
    replacement: 'return value;',
  },
  {
    ...queue,
    breaks: 'a thousand jobs are written in one turn',
    find: 'const isLong = jobs.length > fewJobs || weightOf(jobs, lightJobs) > lightJobs;',
    replacement: 'const isLong = false;',
  },
  {
    ...queue,
    file: 'src/studio/store/table.ts',
    breaks: 'a page of long records has no end',
    find: 'if (weight > heaviestPage) break;',
    replacement: '',
  },
  {
    file: 'src/studio/work/quota.ts',
    tests: ['src/studio/studio.test.ts'],
    breaks: 'requests of one account at once each find room for themselves alone',
    find: 'this.#coming.push(...users);',
    replacement: '',
  },
  {
    ...gallery,
    breaks: 'what is brought back while the trash is emptied goes with it',
    find: 'if (row?.trashedAt === undefined) return false;',
    replacement: 'if (row === undefined) return false;',
  },
  {
    ...events,
    breaks: 'events for hundreds of readers are written in one turn',
    find: 'this.#isWaiting() && this.#bytes < mostBytes && performance.now() <= this.#until',
    replacement: 'this.#isWaiting()',
  },
  {
    file: 'src/studio/events/next-turn.ts',
    tests: ['src/studio/events/next-turn.test.ts'],
    breaks: 'long lists are worked on in one turn',
    find: 'if (done === inOneTurn || (done > 0 && performance.now() - began > longTurn)) {',
    replacement: 'if (done < 0) {',
  },
  {
    file: 'src/studio/events/next-turn.ts',
    tests: ['src/studio/events/next-turn.test.ts'],
    breaks: 'all who wait for a turn get the same one',
    find: 'const next = waiting.shift()!;\n  if (waiting.length > 0) setImmediate(giveTurn);\n  next();',
    replacement: 'for (const next of waiting.splice(0)) next();',
  },
  {
    file: 'src/studio/library/library.ts',
    tests: ['src/studio/library/library.test.ts'],
    breaks: 'another model stands in for one that the first look has not come to',
    find: 'this.#firstLook ? findCalled : byPart',
    replacement: 'byPart',
  },
  {
    file: 'src/studio/files/plain-file.ts',
    tests: ['src/studio/files/plain-file.test.ts'],
    breaks: 'a file of any size is read whole',
    find: 'if (size > most) throw',
    replacement: 'if (size < 0) throw',
  },
  {
    ...events,
    file: 'src/server/native/event-socket.ts',
    tests: ['src/server/native/event-socket.test.ts'],
    breaks: 'a socket may say as much as it likes',
    find: "if (said.take('') > 0) hangUp(socket);",
    replacement: '',
  },
  {
    file: 'src/studio/work/worker.ts',
    tests: ['src/studio/pull/pull.test.ts'],
    breaks: 'a database that is locked for long fails the work that ends meanwhile',
    find: "if (codeOf(error) !== 'store.busy' || this.#stopping) throw error;",
    replacement: 'throw error;',
  },
  {
    file: 'src/server/http/errors.ts',
    tests: ['src/server/http/errors.test.ts'],
    breaks: 'answers tell where on the disk something lies',
    find: 'shortened(error instanceof DiskError ?',
    replacement: "shortened(error.message === '' ?",
  },
  {
    ...gallery,
    file: 'src/studio/gallery/search.ts',
    breaks: 'a search may have any number of words',
    find: 'if (terms.size > mostTerms) {',
    replacement: 'if (terms.size < 0) {',
  },
  {
    ...database,
    breaks: 'long reading holds the event loop',
    find: 'if (!thread) return this.all(sql, params);',
    replacement: 'if (thread) return this.all(sql, params);',
  },
  {
    file: 'src/studio/library/scan.ts',
    tests: ['src/studio/library/scan.test.ts'],
    breaks: 'a link to a disk is followed without end',
    find: ' || look.entered.size >= look.most',
    replacement: '',
  },
];
