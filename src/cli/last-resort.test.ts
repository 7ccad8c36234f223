import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const module = JSON.stringify(fileURLToPath(new URL('./last-resort.ts', import.meta.url)));

function run(body: string) {
  const script = `import { catchForgotten } from ${module};
    const caught = catchForgotten((level, message, fields) => console.log(message, fields.failures ?? ''));
    ${body}`;
  return spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { encoding: 'utf8' });
}

it('goes on after a promise that nobody waits for, and counts it', () => {
  const { status, stdout } = run(`Promise.reject(new Error('lost'));
    setTimeout(() => { console.log('still here', caught.failures); }, 50);`);
  expect(stdout).toContain('A promise failed that nobody waits for; the server goes on. 1');
  expect(stdout).toContain('still here 1');
  expect(status).toBe(0);
});

it('logs an exception that ends the process', () => {
  const { status, stdout } = run("setTimeout(() => { throw new Error('lost'); }, 1);");
  expect(stdout).toContain('An exception that nobody caught ends the server.');
  expect(status).not.toBe(0);
});
