/** Coefficients, lowest power first, of the polynomial that is 1 at node `k` and 0 at the others. */
export function lagrangeBasis(nodes: readonly number[], k: number): number[] {
  let coefficients = [1];
  for (const [j, node] of nodes.entries()) {
    if (j === k) continue;
    const scale = 1 / (nodes[k]! - node);
    // Times (x - node) * scale.
    const raised = [0, ...coefficients];
    coefficients = raised.map((c, i) => (c - node * (coefficients[i] ?? 0)) * scale);
  }
  return coefficients;
}
