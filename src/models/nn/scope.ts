/**
 * Scopes: where a network's parameters get their names, and where each says how it starts when trained from scratch.
 *
 * Names are those of diffusers and transformers, joined by dots below a component prefix (`unet.`, `vae.`,
 * `text_encoder.`). Asking twice for one name gives the same value, so that gradients meet.
 */

import { InternalError } from '#core/errors';
import { parameter } from '#graph/build';
import { formatShape, sameShape } from '#graph/dim';
import type { Value } from '#graph/value';

/** How a parameter starts. `uniform` is on [-bound, bound]; `normal` has mean 0. */
export type Initializer =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly std: number };

export interface DeclaredParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
}

interface Declaration extends DeclaredParameter {
  readonly value: Value<'parameter'>;
}

export class Scope {
  /** The dotted prefix of this scope; empty at the root. */
  readonly path: string;
  readonly #declarations: Map<string, Declaration>;

  constructor(path = '', declarations: Map<string, Declaration> = new Map()) {
    this.path = path;
    this.#declarations = declarations;
  }

  /** The scope below `name` (which may itself be dotted); it shares this scope's declarations. */
  child(name: string): Scope {
    return new Scope(this.#join(name), this.#declarations);
  }

  /** The f32 parameter `name` of this scope. */
  parameter(name: string, shape: readonly number[], initializer: Initializer): Value {
    const full = this.#join(name);
    const known = this.#declarations.get(full);
    if (known) {
      if (sameShape(known.shape, shape)) return known.value;
      throw new InternalError(
        `parameter ${full} is declared as ${formatShape(known.shape)} and as ${formatShape(shape)}`,
      );
    }
    const value = parameter(full, shape);
    this.#declarations.set(full, { name: full, shape, initializer, value });
    return value;
  }

  /** Every parameter declared so far through this scope, its parents and its children, in order. */
  declared(): DeclaredParameter[] {
    return [...this.#declarations.values()];
  }

  #join(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}
