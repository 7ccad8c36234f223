/** Pages that trainings and experiments leave beside their files: one look, no script, nothing from elsewhere. */

export function reportPage(title: string, body: string): string {
  return `<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(title)}</title>
<style>${style}</style>
<h1>${escaped(title)}</h1>
${body}`;
}

const style =
  'body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;display:block;overflow-x:auto}td,th{padding:.2rem .8rem;text-align:right}td:first-child,th:first-child{text-align:left}tr+tr td{border-top:1px solid #ddd}img{max-width:100%;image-rendering:pixelated}figure{display:inline-block;margin:.5rem 1rem .5rem 0;vertical-align:top}svg{max-width:100%;height:auto}';

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** The first row is the heading; cells are text. */
export function reportTable([heading = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (tag: 'th' | 'td', cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${line('th', heading)}${rows.map((row) => line('td', row)).join('')}</table>`;
}

/** A picture inside the page itself. */
export function reportPicture(png: Uint8Array, caption: string): string {
  const data = Buffer.from(png).toString('base64');
  const text = escaped(caption);
  return `<figure><img alt="${text}" src="data:image/png;base64,${data}"><figcaption>${text}</figcaption></figure>`;
}
