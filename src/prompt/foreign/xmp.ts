/**
 * XMP packets (ISO 16684-1), as text and not as RDF: a property is found by its usual prefix, as an element or as an
 * attribute, and of a list the first item counts.
 */

import { HTML_ENTITIES } from '../html-entities.ts';

/** The keyword of the packet in PNG files, and here of any picture's. */
export const XMP_KEYWORD = 'XML:com.adobe.xmp';

/** The value of a property such as `exif:UserComment`. */
export function xmpProperty(xmp: string | undefined, name: string): string | undefined {
  if (xmp === undefined) return undefined;
  const inner = between(xmp, `<${name}>`, `</${name}>`);
  if (inner === undefined) return unescaped(between(xmp, ` ${name}="`, '"'));
  const item = inner.indexOf('<rdf:li');
  return unescaped(item < 0 ? inner : between(inner.slice(item), '>', '</rdf:li>'));
}

/** Settings in A1111's form that a program for photographs took over from EXIF or another text. */
export function infotextInXmp(xmp: string | undefined): string | undefined {
  const texts = ['exif:UserComment', 'dc:description', 'tiff:ImageDescription'].map((name) => xmpProperty(xmp, name));
  return texts.find((text) => text !== undefined && /(^|\n)Steps: \d+, /.test(text));
}

function between(text: string, before: string, after: string): string | undefined {
  const start = text.indexOf(before);
  const from = start + before.length;
  const to = start < 0 ? -1 : text.indexOf(after, from);
  return to < 0 ? undefined : text.slice(from, to);
}

/** References of XML: five names, and numbers. */
function unescaped(text: string | undefined): string | undefined {
  return text?.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|[a-z]{2,4});/gi,
    (reference, hex?: string, decimal?: string) => {
      if (hex === undefined && decimal === undefined) return HTML_ENTITIES.get(reference) ?? reference;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : reference;
    },
  );
}
