/**
 * What the layer F6 of LeNet-5 should show for each digit: a drawing of it, 7 wide and 12 high, +1 for ink and -1 for
 * paper (LeCun et al. 1998, section II.B: codes that look alike for digits that look alike). Drawn for this project in
 * the manner of the paper's figure 3; not its very pixels.
 */

import { f32, type HostTensor } from '#core/tensor';

const drawings = `
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
..###..  ...##..  .#####.  .#####.  .....#.  ######.  ..####.  #######  .#####.  .#####.
.#...#.  ..###..  #.....#  #.....#  ....##.  #......  .#.....  #.....#  #.....#  #.....#
#.....#  .#.##..  ......#  ......#  ...#.#.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...##..  ......#  ......#  ..#..#.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...##..  .....#.  ..####.  .#...#.  #####..  #.###..  ....#..  .#####.  .######
#.....#  ...##..  ....#..  ......#  #....#.  .....#.  ##...#.  ....#..  #.....#  ......#
#.....#  ...##..  ...#...  ......#  #######  ......#  #.....#  ...#...  #.....#  ......#
#.....#  ...##..  ..#....  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
.#...#.  ...##..  .#.....  #.....#  .....#.  #....#.  #.....#  ..#....  #.....#  .....#.
..###..  .######  #######  .#####.  .....#.  .####..  .#####.  ..#....  .#####.  .####..
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
`;

/** [10, 84], rows of a drawing one after the other. */
export function classCodes(): HostTensor<'f32'> {
  const rows = drawings
    .trim()
    .split('\n')
    .map((row) => row.split('  '));
  const codes = rows[0]!.map((_, digit) => rows.map((row) => row[digit]!).join(''));
  return f32(
    [codes.length, codes[0]!.length],
    codes.flatMap((code) => [...code].map((cell) => (cell === '#' ? 1 : -1))),
  );
}
