/** The page's files, read once: a fixed list, so that no request names a path. */

import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { compress } from 'hono/compress';
import { pageViews } from '#api/page-views';
import type { ServerApp } from './mount.ts';

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};

/** Nothing from elsewhere, no inline script: what a prompt or a file name holds is never run. */
export const pagePolicy =
  "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/** The page is what a visitor signs in with: its views are open to all. */
export function isPageView(path: string): boolean {
  return pageViews.some((view) => new RegExp(`^${view.replaceAll(/:\w+/g, '[^/]+')}$`).test(path));
}

/** Serves the files of a built page: `index.html` at every view's address, hashed names kept for good. */
export async function mountPage(app: ServerApp, folder: string): Promise<void> {
  let hasPage = false;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  app.use('/assets/*', compress());
  for (const entry of entries) {
    const type = mediaTypes[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(folder.length).replaceAll('\\', '/');
    const headers = {
      'content-type': type,
      'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      'content-security-policy': pagePolicy,
    };
    // Kept: an upgrade beside a running server must not mix its index with files that this list does not have.
    const body = await readFile(file);
    const serve = () => new Response(body, { headers });
    app.get(path, serve);
    hasPage ||= path === '/index.html';
    if (path === '/index.html') for (const view of pageViews) app.get(view, serve);
  }
  if (!hasPage)
    app.get('/', () => new Response(`${noPage}\n`, { status: 503, headers: { 'content-type': 'text/plain' } }));
}

const noPage = 'The page is not built; npm run prepare builds it. The APIs work without it: see /api.';
