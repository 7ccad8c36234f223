/**
 * `/api/v1`: the operations over HTTP. A row gives path, checks and description, the handler of its name the answer;
 * what is left to do here is one adapter for each kind of answer, and one for forms.
 */

import { Readable } from 'node:stream';
import { z } from 'zod';
import { check, coerceFields } from '#api/check';
import type { Kind, Operation } from '#api/operation';
import { operations } from '#api/operations/index';
import { partsOf } from '#api/request';
import { leastRole } from '#api/rights';
import type { Context, FileAnswer } from '#studio/operations/context';
import { handlers } from '#studio/operations/index';
import { parseJson } from '#studio/reader/bounded-json';
import { type Upload, UploadedFile } from '#studio/reader/large-bodies';
import type { Studio } from '#studio/studio';
import { pictureMaxBody } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { AnswerError } from '../http/errors.ts';
import type { MultipartBody, Route, RouteInput } from '../http/route.ts';
import { warningHeader } from '../http/warnings.ts';
import type { Metrics } from '../observe/metrics.ts';
import { type PictureSources, pictureOf } from '../pictures.ts';
import type { EventQuery } from './event-feed.ts';
import { eventResponse } from './event-stream.ts';
import { closeSession, openSession } from './session.ts';

export interface NativeParts {
  readonly studio: Studio;
  readonly pictures: PictureSources;
  readonly metrics: Pick<Metrics, 'eventClients'>;
  readonly version: string;
}

export function nativeRoutes(parts: NativeParts): Route[] {
  const rows: [string, Operation][] = Object.entries(operations);
  return rows.map(([name, row]) => routeOf(name, row, parts));
}

function routeOf(name: string, row: Operation, parts: NativeParts): Route {
  const { path, query, body } = partsOf(row);
  const serve = adapters[row.kind];
  return {
    method: row.method,
    path: row.path,
    operation: name,
    tag: row.tag,
    summary: row.summary,
    role: leastRole(row.changes),
    params: path,
    query,
    body,
    fromMultipart: row.form && body ? (form) => inputOfForm(body, form) : undefined,
    maxBody: row.form ? pictureMaxBody : undefined,
    answer: {
      status: row.status,
      schema: row.output instanceof z.ZodVoid ? undefined : row.output,
      type: row.media,
      description: row.output instanceof z.ZodVoid && row.media === undefined ? 'Done.' : 'What was asked for.',
    },
    handle: async (input, call) => await serve({ name, row, input: whole(row, input), call, parts }),
  };
}

/** Path, query and body as one; rules about several fields are checked here, each field by itself before. */
function whole(row: Operation, { params, query, body }: RouteInput<object, object, object | undefined>): object {
  const input = { ...params, ...query, ...body };
  return (row.input.def.checks?.length ?? 0) > 0 ? check(row.input, input, 'body') : input;
}

interface Asked {
  readonly name: string;
  readonly row: Operation;
  readonly input: object;
  readonly call: Call;
  readonly parts: NativeParts;
}

const adapters: Record<Kind, (asked: Asked) => unknown> = {
  json: async (asked) => await run(asked),
  file: async (asked) => await fileResponse((await run(asked)) as FileAnswer),
  events: ({ input, call, parts }) => eventResponse(parts, call, input as EventQuery),
  socket() {
    const headers = { upgrade: 'websocket', connection: 'upgrade' };
    throw new AnswerError('events.upgrade', 'This is a WebSocket; ask /events for server-sent events.', headers);
  },
  session: ({ row, call }) => (row.method === 'post' ? openSession(call) : closeSession()),
};

async function run({ name, input, call, parts }: Asked): Promise<unknown> {
  const { studio, pictures, version } = parts;
  const { caller, signal } = call;
  const context: Context<true> = {
    studio,
    caller,
    signal,
    version,
    readPicture: async (source) => await pictureOf(source, caller, pictures, signal),
  };
  const handler = handlers[name as keyof typeof handlers] as (input: never, context: Context<true>) => unknown;
  return await handler(input as never, context);
}

/** `request` may hold all fields as JSON; single fields go before it; files are pictures. */
function inputOfForm(schema: z.ZodObject, { fields, files }: MultipartBody): unknown {
  const { request, ...texts } = Object.fromEntries(fields) as Record<string, readonly string[]>;
  const json = request === undefined ? {} : parseJson(Buffer.from(request.at(-1)!));
  const given = check(z.record(z.string(), z.unknown()), json, 'request');
  const pictures = [...files].map(([name, list]) => [name, textOfFile(list[0]!)] as const);
  return { ...given, ...coerceFields(schema, Object.entries(texts)), ...Object.fromEntries(pictures) };
}

/** Files in forms are what texts stand for in JSON. */
function textOfFile(file: Upload): string {
  return file instanceof UploadedFile ? file.token : Buffer.from(file).toString('base64');
}

async function fileResponse({ type, body, immutable, saveAs, picture, warnings }: FileAnswer): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': type, ...warningHeader(warnings ?? []) };
  if (immutable) headers['cache-control'] = 'private, max-age=31536000, immutable';
  if (picture !== undefined) headers['x-darkroom-image'] = picture;
  if (saveAs !== undefined) {
    headers['content-disposition'] = `attachment; filename="${saveAs.replaceAll(/[^\w.() -]/g, '_')}"`;
  }
  if (body instanceof Uint8Array) return new Response(body as Uint8Array<ArrayBuffer>, { headers });
  if (Symbol.asyncIterator in body) return new Response(webStream(Readable.from(body)), { headers });
  headers['content-length'] = String((await body.stat()).size);
  return new Response(webStream(body.createReadStream()), { headers });
}

function webStream(stream: Readable): ReadableStream<Uint8Array> {
  return Readable.toWeb(stream) as ReadableStream<Uint8Array>;
}
