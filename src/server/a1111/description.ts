/**
 * `/openapi.json` and what `/docs` shows, as clients of A1111 look for them: its own paths alone, and the bodies of
 * txt2img and img2img under the names that generated clients know.
 */

import { type OpenApiFacts, openApiDocument, type RouteGroup } from '../openapi/document.ts';

const bases: readonly string[] = ['/sdapi/v1', '/internal', '/controlnet'];

const bodies: Readonly<Record<string, string>> = {
  '/sdapi/v1/txt2img': 'StableDiffusionProcessingTxt2Img',
  '/sdapi/v1/img2img': 'StableDiffusionProcessingImg2Img',
};

export function a1111Part(groups: readonly RouteGroup[]): RouteGroup[] {
  return groups.filter(({ base }) => bases.includes(base));
}

interface Described {
  readonly post: { readonly requestBody: { readonly content: { 'application/json': { schema: unknown } } } };
}

export async function a1111Document(groups: readonly RouteGroup[], facts: OpenApiFacts): Promise<object> {
  const document = (await openApiDocument(a1111Part(groups), facts)) as {
    paths: Record<string, Described>;
    components: { schemas: Record<string, unknown> };
  };
  for (const [path, name] of Object.entries(bodies)) {
    const body = document.paths[path]!.post.requestBody.content['application/json'];
    document.components.schemas[name] = body.schema;
    body.schema = { $ref: `#/components/schemas/${name}` };
  }
  return document;
}
