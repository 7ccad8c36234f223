/** A server in a child process (see server-process.ts), from the side of those who load it. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import type { FromServer, ServerFigures, ServerOrders, ToServer } from './server-process.ts';

const main = ownModule(import.meta.url, './server-process');

/** The token that opens the server as its admin. */
export const adminToken = 'token-of-the-admin';

export const fakeEngine = ownModule(import.meta.url, '../fixtures/fake-engine');
export const realEngine = ownModule(import.meta.url, '../../src/engine-main');
/** Where the tiny model of the goldens lies, called `tiny-sd1`. */
export const tinyModels = fileURLToPath(new URL('../goldens/data/models', import.meta.url));

export interface ServerChild {
  readonly url: string;
  /** By user. */
  readonly tokens: Readonly<Record<string, string>>;
  readonly pid: number;
  /** How it ended, once it has ended without being told to. */
  crash(): string | undefined;
  figures(): Promise<ServerFigures>;
  /** Begins the measuring of the event loop anew. */
  reset(): void;
  stop(): Promise<void>;
}

export async function startServer(
  orders: Partial<ServerOrders> & Pick<ServerOrders, 'root'>,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerChild> {
  const whole: ServerOrders = { engineModule: fakeEngine, engineOptions: {}, modelRoots: [], users: [], ...orders };
  const child = fork(main, [JSON.stringify(whole)], {
    execArgv: ['--expose-gc', ...childExecArgv()],
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let stopping = false;
  let crash: string | undefined;
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      if (!stopping) crash = `the server ended with ${code ?? signal}`;
      resolve();
    });
  });
  const tell = (message: ToServer) => child.connected && child.send(message);
  const ready = await nextMessage(child, 'ready', gone);
  return {
    url: ready.url,
    tokens: ready.tokens,
    pid: child.pid!,
    crash: () => crash,
    reset: () => tell('reset'),
    async figures() {
      const answer = nextMessage(child, 'figures', gone);
      tell('figures');
      return (await answer).figures;
    },
    async stop() {
      stopping = true;
      tell('stop');
      const force = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await gone;
      clearTimeout(force);
    },
  };
}

type Said<T extends FromServer['type']> = Extract<FromServer, { readonly type: T }>;

async function nextMessage<T extends FromServer['type']>(child: ChildProcess, type: T, gone: Promise<void>) {
  return await new Promise<Said<T>>((resolve, reject) => {
    const take = (message: FromServer) => {
      if (message.type !== type) return;
      child.off('message', take);
      resolve(message as Said<T>);
    };
    child.on('message', take);
    void gone.then(() => reject(new Error(`the server ended before it said ${type}`)));
  });
}
