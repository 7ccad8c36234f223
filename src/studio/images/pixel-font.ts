/**
 * Letters of 5 x 7 squares for machines without a font: printable ASCII. Marks over letters are left out, and signs
 * that are not there are boxes.
 */

const columns = 5;
const lines = 7;
/** Of a letter with the space behind it, and of the size of a font: squares. */
const advance = 6;
const perSize = 10;

/** From the space on: a letter is seven rows, each a digit of base 32 whose bits are its squares. */
const letters =
  '0000000 4444404 aa00000 aavavaa 4fke5u4 op248j3 cik8lid 4480000 2488842 8422248 04lel40 044v440 0000448 000v000 ' +
  '00000cc 01248g0 ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ehhehhe ehhf12c 0cc0cc0 0cc0c48 ' +
  '248g842 00v0v00 8421248 eh12404 eh1dlle ehhvhhh uhhuhhu ehggghe sihhhis vgguggv vgguggg ehgnhhf hhhvhhh e44444e ' +
  '72222ic hikokih ggggggv hrllhhh hhpljhh ehhhhhe uhhuggg ehhhlid uhhukih fgge11u v444444 hhhhhhe hhhhha4 hhhllla ' +
  'hha4ahh hhha444 v1248gv e88888e 0g84210 e22222e 4ah0000 000000v 8420000 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge ' +
  '698s888 0fhhf1e ggmphhh 40c444e 20622ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe 00uhugg 00djf11 00mpggg 00ege1u ' +
  '88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 00hhf1e 00v248v 2448442 4444444 8442448 008l200';
const glyphs = letters.split(' ');
const box = 'vhhhhhv';

/** A line of text as the path of an SVG, its middle at `x` and its letters' feet at `y`. */
export function pixelText(text: string, { x, y, size }: { x: number; y: number; size: number }): string {
  const plain = [
    ...text
      .replaceAll('…', '...')
      .normalize('NFD')
      .replaceAll(/\p{Mn}/gu, ''),
  ];
  const square = size / perSize;
  const left = x - ((plain.length * advance - 1) * square) / 2;
  const squares = plain.flatMap((letter, i) => {
    return squaresOf(letter).map(([column, row]) => {
      const [at, top] = [left + (i * advance + column) * square, y - (lines - row) * square];
      return `M${at.toFixed(2)} ${top.toFixed(2)}h${square}v${square}h${-square}z`;
    });
  });
  return `<path d="${squares.join('')}"/>`;
}

function squaresOf(letter: string): [column: number, row: number][] {
  const rows = glyphs[letter.codePointAt(0)! - 32] ?? box;
  return [...rows].flatMap((digit, row) => {
    const bits = Number.parseInt(digit, 32);
    return Array.from({ length: columns }, (_, column) => [column, row] as [number, number]).filter(
      ([column]) => (bits >> (columns - 1 - column)) & 1,
    );
  });
}
