/** How evenly made pictures fall on classes. */

/** Share of each of `classes` among the answers. */
export function sharesOf(answers: ArrayLike<number>, classes: number): number[] {
  const shares = new Array<number>(classes).fill(0);
  for (let n = 0; n < answers.length; n++) shares[answers[n]!]! += 1 / answers.length;
  return shares;
}

/** Half the sum of differences: 0 for equal shares, 1 where nothing is in common (total variation). */
export function shareDistance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, share, i) => sum + Math.abs(share - b[i]!), 0) / 2;
}

/**
 * How many modes are met at least once, and the Kullback-Leibler divergence of their shares from an even spread in nats:
 * the count of stacked MNIST (Metz et al. 2017, arXiv:1611.02163; Lin et al. 2018, arXiv:1712.04086).
 */
export function modeCoverage(answers: ArrayLike<number>, modes: number): { covered: number; divergence: number } {
  const met = sharesOf(answers, modes).filter((share) => share > 0);
  return { covered: met.length, divergence: met.reduce((sum, share) => sum + share * Math.log(share * modes), 0) };
}

/** Modes that so many even draws meet on average. */
export function expectedCoverage(draws: number, modes: number): number {
  return modes * (1 - (1 - 1 / modes) ** draws);
}
