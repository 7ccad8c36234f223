/**
 * Cuts a line of ink into signs: connected pieces of ink, specks and ruled lines left out, pieces above each other put
 * together (a 5 whose bar stands free), and pieces too wide to be one digit cut where least ink is (digits that touch).
 */

import type { Ink } from './ink.ts';

export interface Box {
  readonly left: number;
  readonly top: number;
  /** Exclusive. */
  readonly right: number;
  readonly bottom: number;
}

export interface Sign extends Box {
  /** Pieces of ink that belong to it. */
  readonly pieces: ReadonlySet<number>;
  readonly kind: 'digit' | 'dash';
}

export interface Segmented {
  /** From left to right. */
  readonly signs: readonly Sign[];
  /** Piece of each pixel, 0 for paper. */
  readonly pieceOf: Int32Array;
}

/** Against the tallest piece: less is a speck, or a dash if it is wide. */
const leastHeight = 0.4;
/** Of the usual height of digits: wider pieces are several that touch. */
const mostWidth = 1.4;
const usualWidth = 0.8;

interface Piece extends Box {
  readonly id: number;
  readonly area: number;
}

export function segment(ink: Ink): Segmented {
  const { pieceOf, pieces } = connected(ink);
  const found = pieces.filter((piece) => !isRule(piece, ink) && piece.area >= 4);
  const tallest = Math.max(0, ...found.map(heightOf));
  const solid = found.filter((piece) => heightOf(piece) >= leastHeight * tallest);
  const small = found.filter((piece) => !solid.includes(piece));
  const groups = joined(solid.map((piece) => ({ ...boxOf(piece), pieces: new Set([piece.id]) })));
  const whole = groups.map((group) => withParts(group, small, tallest));
  const usual = median(whole.map(heightOf));
  const digits = whole
    .flatMap((group) => parted(group, usual, ink, pieceOf))
    .map((box) => ({ ...box, kind: 'digit' }) as const);
  const used = new Set(digits.flatMap(({ pieces: own }) => [...own]));
  const dashes = small
    .filter((piece) => !used.has(piece.id) && isDash(piece, tallest))
    .map((piece) => ({ ...boxOf(piece), pieces: new Set([piece.id]), kind: 'dash' }) as const);
  return { signs: [...digits, ...dashes].sort((a, b) => a.left + a.right - b.left - b.right), pieceOf };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

const heightOf = ({ top, bottom }: Box): number => bottom - top;
const widthOf = ({ left, right }: Box): number => right - left;
const boxOf = ({ left, top, right, bottom }: Box): Box => ({ left, top, right, bottom });

/** Lines to write on, and the frame of a photographed paper. */
function isRule(piece: Piece, { width, height }: Ink): boolean {
  const isFlat = widthOf(piece) > 0.5 * width && heightOf(piece) < 0.2 * widthOf(piece);
  const isUpright = heightOf(piece) >= 0.95 * height && widthOf(piece) < 0.1 * heightOf(piece);
  return isFlat || isUpright;
}

function isDash(piece: Piece, tallest: number): boolean {
  return widthOf(piece) > 1.6 * heightOf(piece) && widthOf(piece) > 0.2 * tallest;
}

/** Connected pieces of ink, also by corners. */
function connected({ width, height, darkness, threshold }: Ink): { pieceOf: Int32Array; pieces: Piece[] } {
  const pieceOf = new Int32Array(width * height);
  const pieces: Piece[] = [];
  const stack: number[] = [];
  for (let start = 0; start < pieceOf.length; start++) {
    if (pieceOf[start] !== 0 || darkness[start]! <= threshold) continue;
    const id = pieces.length + 1;
    const box = { left: width, top: height, right: 0, bottom: 0 };
    let area = 0;
    pieceOf[start] = id;
    stack.push(start);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const [x, y] = [at % width, Math.floor(at / width)];
      area++;
      [box.left, box.right] = [Math.min(box.left, x), Math.max(box.right, x + 1)];
      [box.top, box.bottom] = [Math.min(box.top, y), Math.max(box.bottom, y + 1)];
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (pieceOf[next] !== 0 || darkness[next]! <= threshold) continue;
          pieceOf[next] = id;
          stack.push(next);
        }
      }
    }
    pieces.push({ ...box, id, area });
  }
  return { pieceOf, pieces };
}

type Group = Omit<Sign, 'kind'>;

/** Puts groups together that lie above each other. */
function joined(groups: readonly Group[]): Group[] {
  const out: Group[] = [];
  for (const group of [...groups].sort((a, b) => a.left - b.left)) {
    const last = out.at(-1);
    const common = last ? Math.min(last.right, group.right) - Math.max(last.left, group.left) : 0;
    if (last && common > 0.5 * Math.min(widthOf(last), widthOf(group))) out[out.length - 1] = union(last, group);
    else out.push(group);
  }
  return out;
}

function union(a: Group, b: Group): Group {
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
    pieces: new Set([...a.pieces, ...b.pieces]),
  };
}

/** With small pieces that lie within its width and near it: bars and tails that stand free. */
function withParts(group: Group, small: readonly Piece[], tallest: number): Group {
  const near = 0.25 * tallest;
  return small.reduce((whole, piece) => {
    const common = Math.min(group.right, piece.right) - Math.max(group.left, piece.left);
    const gap = Math.max(group.top - piece.bottom, piece.top - group.bottom);
    const isNoise = piece.area < 0.005 * tallest * tallest;
    if (isNoise || common < 0.5 * Math.min(widthOf(piece), widthOf(group)) || gap > near) return whole;
    return union(whole, { ...boxOf(piece), pieces: new Set([piece.id]) });
  }, group);
}

/** Cut into as many digits as fit its width. */
function parted(group: Group, usual: number, { width, darkness }: Ink, pieceOf: Int32Array): Group[] {
  if (widthOf(group) <= mostWidth * usual) return [group];
  const count = Math.max(2, Math.round(widthOf(group) / (usualWidth * usual)));
  const columns = Array.from({ length: widthOf(group) }, (_, i) => {
    let sum = 0;
    for (let y = group.top; y < group.bottom; y++) {
      const at = y * width + group.left + i;
      if (group.pieces.has(pieceOf[at]!)) sum += darkness[at]!;
    }
    return sum;
  });
  const share = columns.length / count;
  const cuts = Array.from({ length: count - 1 }, (_, i) => lowest(columns, (i + 1) * share, share / 3));
  const edges = [0, ...cuts, columns.length];
  return edges.slice(1).map((edge, i) => ({ ...group, left: group.left + edges[i]!, right: group.left + edge }));
}

/** Place of the least value within `reach` of `around`. */
function lowest(values: readonly number[], around: number, reach: number): number {
  let best = Math.round(around);
  for (let i = Math.ceil(around - reach); i <= around + reach; i++) if (values[i]! < values[best]!) best = i;
  return best;
}
