/** Can a server listen where it would, and if not, who does? */

import { createServer } from 'node:net';
import { type Finding, ok, type Patient, problem } from './finding.ts';

export async function checkPort({ host, port }: Pick<Patient, 'host' | 'port'>): Promise<Finding[]> {
  const error = await tryToListen(host, port);
  const where = `${host}:${port}`;
  if (error === undefined) return [ok('port', `${where} is free`)];
  if (error.code === 'EADDRINUSE') {
    if (await isDarkroom(host, port)) return [ok('port', `A Darkroom answers at http://${where}`)];
    return [problem('port', `${where} is taken by another program.`, 'Choose another one with --port, or 0 for any.')];
  }
  const remedy = error.code === 'EACCES' ? 'Choose a --port above 1023.' : 'Choose a --host that this machine has.';
  return [problem('port', `${where} cannot be opened: ${error.message}.`, remedy)];
}

async function tryToListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

async function isDarkroom(host: string, port: number): Promise<boolean> {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  try {
    const response = await fetch(`http://${name}:${port}/healthz`, { signal: AbortSignal.timeout(2000) });
    const health = (await response.json()) as { status?: unknown; version?: unknown };
    return health.status === 'ok' && typeof health.version === 'string';
  } catch {
    return false;
  }
}
