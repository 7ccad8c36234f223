/** The table of operations: rows that agree with their paths, a client that sends what they say. */

import { expect, it } from 'vitest';
import { z } from 'zod';
import { addressOf, createClient } from './client.ts';
import { type Operation, operation } from './operation.ts';
import { operations } from './operations/index.ts';
import { metaOf, partsOf, wireRowOf, wireRows } from './request.ts';
import { leastRole, mayChange, requireEffect } from './rights.ts';
import { requestOf, type WireRequest } from './wire-row.ts';

const rows: [string, Operation][] = Object.entries(operations);

it.each(rows)('%s says where each of its fields travels', (_name, row) => {
  const named = [...row.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  expect(Object.keys(partsOf(row).path?.shape ?? {}).sort()).toEqual(named.sort());
  for (const part of row.command?.usage.split(' ').filter((each) => /^[<[]/.test(each)) ?? []) {
    expect(Object.keys(row.input.shape)).toContain(part.replaceAll(/[<>[\].]/g, ''));
  }
});

it('tells path, query and body apart', () => {
  const row = operation({
    method: 'post',
    path: '/things/{id}/move',
    tag: 'Things',
    summary: 'Move it.',
    input: z.object({
      id: z.string(),
      to: z.number(),
      wait: z.boolean().default(false).meta({ in: 'query' }),
      tags: z.array(z.string()).optional().meta({ in: 'query' }),
    }),
  });
  expect(requestOf(wireRowOf(row), { id: 'a/b', to: 3, wait: true, tags: ['x', 'y&z'], other: 1 })).toEqual({
    method: 'POST',
    path: '/things/a%2Fb/move?wait=true&tags=x&tags=y%26z',
    body: { to: 3 },
  });
  expect(row.kind).toBe('json');
});

it('takes a further field of a row, and nothing else, into request, check and command', () => {
  const before = operation({
    method: 'get',
    path: '/things',
    tag: 'Things',
    summary: 'Find them.',
    input: z.object({ text: z.string().optional() }),
    output: z.array(z.string()),
  });
  const row = { ...before, input: before.input.extend({ least: z.int().default(0).describe('At least so many.') }) };
  expect(requestOf(wireRowOf(before), { least: 3 }).path).toBe('/things');
  expect(requestOf(wireRowOf(row), { least: 3 }).path).toBe('/things?least=3');
  expect(partsOf(row).query!.parse({})).toEqual({ least: 0 });
  expect(z.toJSONSchema(partsOf(row).query!, { io: 'input' }).properties).toHaveProperty('least.description');
});

it('knows fields by what they say inside, where they may be left out or are lists', () => {
  const id = z.string().meta({ of: 'job' });
  expect(metaOf(id.optional().describe('x'))).toMatchObject({ of: 'job' });
  expect(metaOf(z.array(id).default([]).meta({ flag: 'job' }))).toMatchObject({ of: 'job', flag: 'job' });
});

it('sends what a row says, and has a call for every JSON operation', async () => {
  const sent: WireRequest[] = [];
  const client = createClient(wireRows(), async (request) => void sent.push(request));
  await client.cancelJob({ id: 'j1', hard: true });
  await client.searchImages({ text: 'a fox', tags: ['x'], limit: 5 });
  await client.getQueue();
  expect(sent).toEqual([
    { method: 'POST', path: '/jobs/j1/cancel', body: { hard: true } },
    { method: 'GET', path: '/images?text=a%20fox&tags=x&limit=5', body: undefined },
    { method: 'GET', path: '/queue', body: undefined },
  ]);
  expect(addressOf(wireRows(), 'getThumbnail', { id: 'p1' })).toBe('/images/p1/thumbnail');
  const json = rows.filter(([, { kind }]) => kind === 'json').map(([name]) => name);
  expect(Object.keys(client).sort()).toEqual(json.sort());
});

it('derives roles from effects', () => {
  expect(leastRole([])).toBe('viewer');
  expect(leastRole(['own work'])).toBe('user');
  expect(leastRole(['own work', 'settings'])).toBe('admin');
  const [viewer, user, admin] = (['viewer', 'user', 'admin'] as const).map((role) => ({ name: role, role }));
  expect([viewer!, user!, admin!].map((caller) => mayChange(caller, 'own work'))).toEqual([false, true, true]);
  expect(() => requireEffect(user!, 'settings')).toThrow('This needs the role admin; user is user.');
});

it('has tools that can be offered as forms: each answers with its job, and says of each field what it is', () => {
  const tools = rows.filter(([, { tool }]) => tool);
  expect(tools.map(([name]) => name)).toContain('upscale');
  for (const [name, { input, output }] of tools) {
    expect(Object.keys((output as z.ZodObject).shape), name).toContain('job');
    const { properties = {} } = z.toJSONSchema(input, { io: 'input' });
    for (const [field, said] of Object.entries(properties)) {
      expect(said, `${name}.${field}`).toMatchObject({ description: expect.any(String) as string });
    }
  }
});
