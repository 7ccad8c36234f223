/** The OpenAPI 3.1 description of a table of routes. */

import { z } from 'zod';
import { nextTurn } from '#studio/events/next-turn';
import type { Route } from '../http/route.ts';

export interface OpenApiFacts {
  readonly title: string;
  readonly version: string;
}

/** Routes below one path. */
export interface RouteGroup {
  readonly base: string;
  readonly routes: readonly Route[];
}

type Json = Record<string, unknown>;

const errorSchema = z.object({
  error: z.object({
    code: z.string().describe('Stable name of the kind of error.'),
    message: z.string(),
    field: z.string().optional().describe('The field that is wrong.'),
    requestId: z.string(),
  }),
});

/** An operation in each turn of the event loop: hundreds of schemas are long work. */
export async function openApiDocument(groups: readonly RouteGroup[], { title, version }: OpenApiFacts): Promise<Json> {
  const paths: Record<string, Json> = {};
  for (const { base, routes } of groups) {
    for (const each of routes) {
      await nextTurn();
      const path = base + each.path;
      paths[path] = { ...paths[path], [each.method]: operation(each) };
    }
  }
  return {
    openapi: '3.1.0',
    info: { title, version },
    servers: [{ url: '/' }],
    security: [{}, { bearer: [] }, { basic: [] }],
    paths,
    components: {
      schemas: { Error: jsonSchema(errorSchema, 'output') },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic' },
      },
    },
  };
}

function operation(each: Route): Json {
  const { answer } = each;
  const status = String(answer.status ?? (answer.schema || answer.type ? 200 : 204));
  const content = answer.schema
    ? { 'application/json': { schema: jsonSchema(answer.schema, 'output') } }
    : answer.type && { [answer.type]: { schema: { type: 'string', format: 'binary' } } };
  return {
    operationId: each.operation,
    tags: [each.tag],
    summary: each.summary,
    description: `Needs the role ${each.role}.`,
    parameters: [...parameters(each.params, 'path'), ...parameters(each.query, 'query')],
    ...(each.body ? { requestBody: requestBody(each, each.body) } : {}),
    responses: {
      [status]: { description: answer.description, ...(content ? { content } : {}) },
      default: {
        description: 'What went wrong.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function parameters(schema: z.ZodObject | undefined, where: 'path' | 'query'): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function requestBody(each: Route, body: z.ZodType): Json {
  const schema = jsonSchema(body, 'input');
  const multipart = each.fromMultipart ? { 'multipart/form-data': { schema } } : {};
  return { required: !body.safeParse({}).success, content: { 'application/json': { schema }, ...multipart } };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _$schema, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
