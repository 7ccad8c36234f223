/**
 * One WGSL compute shader while it is written. Tensors are read and written through functions, so that a kernel does
 * not know how elements are stored, and a tensor larger than one binding may be (`bindingBytes`) is bound as several
 * windows of one buffer.
 */

import { EngineError } from '#engine/errors';
import { functions, type HelperName } from './functions.ts';
import { bytesOf, isHalf, type Place, type Scalar } from './place.ts';

export interface DeviceTraits {
  /** `shader-f16`: halves can be stored, and live in workgroup memory. */
  readonly f16: boolean;
  readonly bindingBytes: number;
  readonly storageBuffers: number;
  readonly workgroupBytes: number;
  readonly workgroupsPerDimension: number;
  /** The shape of subgroup matrices (f16 in, f32 accumulated) and the width of subgroups, where there are any. */
  readonly matrix?: MatrixShape;
  /** Kernels that failed their test on this device: their plain forms take their place. */
  readonly distrusted: ReadonlySet<Form>;
}

/** What a device may compute wrongly: kernels of which there is a plain form as well, and storing halves. */
export type Form = 'product' | 'attention' | 'matrix' | 'halves';

export interface MatrixShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly subgroup: number;
}

/** A window of a place in the order of the shader's bindings. */
export interface Binding {
  readonly place: Place;
  readonly access: 'read' | 'write';
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
}

/** Offsets of bindings are multiples of this on every device (WebGPU's default limit). */
const ALIGNMENT = 256;

export class Shader {
  readonly traits: DeviceTraits;
  readonly bindings: Binding[] = [];
  readonly #enables = new Set<string>();
  readonly #declarations: string[] = [];
  readonly #accessors = new Map<string, string>();
  readonly #helpers = new Set<HelperName>();
  #arrays = 0;

  constructor(traits: DeviceTraits) {
    this.traits = traits;
  }

  enable(extension: string): void {
    this.#enables.add(extension);
  }

  declare(text: string): void {
    this.#declarations.push(text);
  }

  /** An array that the invocations of a workgroup share; returns its name. */
  workgroupArray(type: string, length: number): string {
    const name = `shared${this.#arrays++}`;
    this.declare(`var<workgroup> ${name}: array<${type}, ${length}>;`);
    return name;
  }

  /** Makes a function of functions.ts callable under its name. */
  need(name: HelperName): string {
    if (!this.#helpers.has(name)) {
      this.#helpers.add(name);
      this.declare(functions[name]);
    }
    return name;
  }

  /** The name of a function from an element's index to its value. */
  read(place: Place): string {
    return this.#accessor(`r${place.id}`, () => {
      const name = `r${this.#accessors.size}`;
      const native = isHalf(place.storage) && this.traits.f16 && place.storage === 'f16';
      if (native) this.enable('f16');
      const perWord = isHalf(place.storage) && !native ? 2 : 1;
      const type = native ? 'f16' : perWord === 2 ? 'u32' : place.storage;
      const element = (buffer: string, index: string): string =>
        perWord === 2
          ? halfOf(place.storage, `${buffer}[(${index}) >> 1u]`, index)
          : cast(native, `${buffer}[${index}]`);
      const windows = this.#bind(name, place, 'read', type);
      const result = registerType(place);
      this.declare(`fn ${name}(i: u32) -> ${result} {\n${select(windows, (b, i) => `return ${element(b, i)};`)}}`);
      return name;
    });
  }

  /** The name of a function that stores a register (of the place's kind) at an index. */
  write(place: Place): string {
    return this.#accessor(`w${place.id}`, () => {
      const name = `w${this.#accessors.size}`;
      if (isHalf(place.storage) && !(this.traits.f16 && place.storage === 'f16')) {
        throw new EngineError('compile', 'webgpu', `this device cannot store ${place.storage}`);
      }
      const native = place.storage === 'f16';
      if (native) this.enable('f16');
      const windows = this.#bind(name, place, 'write', place.storage);
      const value = native ? 'f16(v)' : place.rounded ? `${this.need('round16')}(v)` : 'v';
      this.declare(
        `fn ${name}(i: u32, v: ${registerType(place)}) {\n${select(windows, (b, i) => `${b}[${i}] = ${value};`)}}`,
      );
      return name;
    });
  }

  #accessor(key: string, make: () => string): string {
    const known = this.#accessors.get(key);
    if (known !== undefined) return known;
    const name = make();
    this.#accessors.set(key, name);
    return name;
  }

  /** Declares the windows of a place; all but the last hold `elements` each. */
  #bind(name: string, place: Place, access: Binding['access'], type: string): Windows {
    const bytes = bytesOf(place);
    const most = Math.floor(this.traits.bindingBytes / ALIGNMENT) * ALIGNMENT;
    const count = Math.ceil(bytes / most);
    const names = Array.from({ length: count }, (_, k) => {
      const buffer = `${name}_${k}`;
      const mode = access === 'read' ? 'read' : 'read_write';
      this.declare(`@group(0) @binding(${this.bindings.length}) var<storage, ${mode}> ${buffer}: array<${type}>;`);
      this.bindings.push({ place, access, offset: k * most, size: Math.min(most, bytes - k * most) });
      return buffer;
    });
    return { names, elements: most / (isHalf(place.storage) ? 2 : 4) };
  }

  /** The whole text; `body` may use `w` (workgroup), `l` (invocation's position) and `li` (its index). */
  text(body: string, size: readonly [number, number, number], extra = ''): string {
    const enables = [...this.#enables].map((e) => `enable ${e};\n`).join('');
    return `${enables}var<private> hidden: u32 = 0u;\n${this.#declarations.join('\n')}
@compute @workgroup_size(${size.join(', ')})
fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_id) l: vec3<u32>, @builtin(local_invocation_index) li: u32${extra}) {
${body}}
`;
  }
}

interface Windows {
  readonly names: readonly string[];
  readonly elements: number;
}

function select({ names, elements }: Windows, statement: (buffer: string, index: string) => string): string {
  const last = names.length - 1;
  return names
    .map((b, k) => {
      const index = k === 0 ? 'i' : `i - ${k * elements}u`;
      const text = statement(b, index);
      return k === last
        ? `  ${text}\n`
        : `  if (i < ${(k + 1) * elements}u) { ${text} ${/^return/.test(text) ? '' : 'return; '}}\n`;
    })
    .join('');
}

function registerType({ storage }: Place): Exclude<Scalar, 'bool'> {
  return isHalf(storage) ? 'f32' : (storage as Exclude<Scalar, 'bool'>);
}

const cast = (native: boolean, text: string): string => (native ? `f32(${text})` : text);

function halfOf(storage: Place['storage'], word: string, index: string): string {
  const odd = `((${index}) & 1u)`;
  return storage === 'f16' ? `unpack2x16float(${word})[${odd}]` : `bitcast<f32>((${word} >> (16u * ${odd})) << 16u)`;
}
