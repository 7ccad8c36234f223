/** The API as a page for people: one section a tag, written on the server, no script. */

import type { Route } from '../http/route.ts';
import type { OpenApiFacts, RouteGroup } from './document.ts';

export function apiPage(groups: readonly RouteGroup[], { title, version }: OpenApiFacts): string {
  const entries = groups.flatMap(({ base, routes }) =>
    routes.map((each) => ({ tag: each.tag, html: entry(each, base) })),
  );
  const tags = [...new Set(entries.map(({ tag }) => tag))];
  const sections = tags.map((tag) =>
    section(
      tag,
      entries.filter((each) => each.tag === tag),
    ),
  );
  const links = tags.map((tag) => `<a href="#${escapeHtml(tag)}">${escapeHtml(tag)}</a>`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="/favicon.svg" type="image/svg+xml"><style>${style}</style></head><body>
<header><h1>${escapeHtml(title)}</h1><p>Version ${escapeHtml(version)}. Machine-readable: <a href="/api/openapi.json">/api/openapi.json</a>.
Also spoken here: A1111's <code>/sdapi/v1</code> and OpenAI's <code>/v1/images</code>.</p><nav>${links}</nav></header>
<main>${sections.join('')}</main></body></html>`;
}

function section(tag: string, entries: readonly { readonly html: string }[]): string {
  return `<section id="${escapeHtml(tag)}"><h2>${escapeHtml(tag)}</h2>${entries.map(({ html }) => html).join('')}</section>`;
}

function entry(each: Route, base: string): string {
  const rows = [...fieldRows(each.params, 'path'), ...fieldRows(each.query, 'query'), ...fieldRows(each.body, 'body')];
  const table = rows.length === 0 ? '' : `<table>${rows.join('')}</table>`;
  return `<details><summary><b class="${each.method}">${each.method.toUpperCase()}</b> <code>${escapeHtml(base + each.path)}</code>
<span>${escapeHtml(each.summary)}</span></summary><p>Role: ${each.role}. Answer: ${escapeHtml(each.answer.description)}</p>${table}</details>`;
}

function fieldRows(schema: unknown, where: string): string[] {
  const shape = (schema as { shape?: Record<string, { description?: string }> } | undefined)?.shape ?? {};
  return Object.entries(shape).map(
    ([name, { description }]) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${where}</td><td>${escapeHtml(description ?? '')}</td></tr>`,
  );
}

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => names[character]!);
}

/** In light or dark, as the reader's system is. */
const style = `
:root{color-scheme:light dark;--ink:light-dark(#251b19,#eadfdb);--dim:light-dark(#6b5a55,#a8958f);--link:light-dark(#a82f17,#ff8a72);
--line:light-dark(#dfd4cc,#35272a);--panel:light-dark(#fffdfb,#1a1314);--ground:light-dark(#f5f1ec,#120d0d)}
body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem 6rem;background:var(--ground);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
h1{margin:0 0 .25rem}h2{margin:2.5rem 0 .5rem;color:var(--link)}a{color:var(--link)}nav{display:flex;flex-wrap:wrap;gap:1rem}
details{border:1px solid var(--line);border-radius:10px;margin:.4rem 0;padding:.5rem .9rem;background:var(--panel)}summary{cursor:pointer}
summary span{color:var(--dim);margin-left:.5rem}code{font-size:.9em}table{border-collapse:collapse;width:100%}
td{border-top:1px solid var(--line);padding:.3rem .5rem;vertical-align:top}td:nth-child(2){color:var(--dim)}
b{display:inline-block;min-width:4rem;font-size:.8em;color:var(--link)}`;
