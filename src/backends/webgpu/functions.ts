/**
 * Functions that WGSL lacks. `erf` is Abramowitz & Stegun 7.1.26, absolute error below 1.5e-7; small arguments take the
 * first terms of the series, so that the error is relative to the result there.
 *
 * `circular` is sine and cosine: WGSL's own need only be right to 2^-11, and on [-pi, pi] alone, which is too coarse for
 * embeddings of time. The argument is reduced by Cody and Waite's method in three parts, exactly up to some 8,000; the
 * polynomials are those of Cephes' sinf.c (Moshier), absolute error below 2e-7.
 */

export type HelperName = keyof typeof functions;

export const functions = {
  erf: `fn erf(x: f32) -> f32 {
  let a = abs(x);
  if (a < 0.35) {
    let s = x * x;
    return 1.1283791670955126 * x * (1.0 + s * (-0.3333333333333333 + s * (0.1 + s * (-0.023809523809523808 + s * (0.004629629629629629 - s * 0.0007575757575757576)))));
  }
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-a * a));
}`,
  /** The sine of `x` and so many quarters of a turn. */
  circular: `fn circular(x: f32, quarters: i32) -> f32 {
  let k = round(x * 0.6366197723675814);
  let r = ((x - k * 1.5703125) - k * 4.837512969970703e-4) - k * 7.54978995489188e-8;
  let z = r * r;
  let s = r + r * z * (-0.16666654611 + z * (0.0083321608736 - z * 0.00019515295891));
  let c = 1.0 - 0.5 * z + z * z * (0.04166664568298827 + z * (-0.001388731625493765 + z * 2.443315711809948e-5));
  let q = (i32(k) + quarters) & 3;
  let value = select(s, c, (q & 1) == 1);
  return select(value, -value, q >= 2);
}`,
  sigmoid: `fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}`,
  /** Drivers overflow on large arguments. */
  tanhf: 'fn tanhf(x: f32) -> f32 { return tanh(clamp(x, -20.0, 20.0)); }',
  softplus: `fn softplus(x: f32) -> f32 {
  let e = exp(-abs(x));
  return max(x, 0.0) + select(log(1.0 + e), e * (1.0 - 0.5 * e), e < 1e-3);
}`,
  expm1: `fn expm1(x: f32) -> f32 {
  if (abs(x) < 0.02) { return x * (1.0 + x * (0.5 + x * (0.16666666666666666 + x * 0.041666666666666664))); }
  return exp(x) - 1.0;
}`,
  /** WGSL's pow is undefined for negative bases. */
  power: `var<private> nan_bits: u32 = 0x7fc00000u;
fn power(x: f32, y: f32) -> f32 {
  if (y == 0.0) { return 1.0; }
  if (x == 0.0) { return select(0.0, 1.0 / abs(x), y < 0.0); }
  let m = pow(abs(x), y);
  if (x > 0.0) { return m; }
  if (floor(y) != y) { return bitcast<f32>(nan_bits); }
  return select(m, -m, fract(abs(y) * 0.5) != 0.0);
}`,
  round16: 'fn round16(x: f32) -> f32 { return unpack2x16float(pack2x16float(vec2<f32>(x, 0.0))).x; }',
  /** To nearest, ties to even. */
  roundBrain: `fn roundBrain(x: f32) -> f32 {
  let b = bitcast<u32>(x);
  return bitcast<f32>((b + 0x7fffu + ((b >> 16u) & 1u)) & 0xffff0000u);
}`,
} as const satisfies Readonly<Record<string, string>>;
