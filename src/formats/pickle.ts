/**
 * Reads Python pickles, protocols 0 to 5, as data: nothing is ever imported, called or evaluated.
 *
 * A GLOBAL must be in the caller's allow list and becomes a name; REDUCE and NEWOBJ apply the rule that the list gives
 * for that name. Source: CPython Lib/pickletools.py (the opcodes) and the limits that pickle scanners were beaten
 * without: every size is checked against the bytes that are there before memory is taken. Left out, and refused: OBJ,
 * INST, NEWOBJ_EX, the extension registry, text persistent ids, out-of-band buffers.
 */

import { FormatError } from './format-error.ts';
import { PickleCursor, pickleError } from './pickle-cursor.ts';
import {
  childrenOf,
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleSet,
  PickleTensor,
  PickleTuple,
  type PickleValue,
} from './pickle-value.ts';
import { quoteName } from './quote-name.ts';

/** What may be done with a global: a rule without `call` is a name and nothing more. */
export interface GlobalRule {
  readonly call?: (args: readonly PickleValue[]) => PickleValue;
}

export interface PickleRules {
  /** The allow list, by `module.name`. */
  readonly globals: ReadonlyMap<string, GlobalRule>;
  /** Resolves a persistent id. */
  readonly persistent: (id: PickleValue) => PickleValue;
}

const MAX_STACK = 10_000;
const MAX_MEMO_INDEX = 5_000_000;
const MAX_PROTOCOL = 5;
/** Items and bytes that calls may take or make in all, against files that call on one value many times. */
const MAX_COPIED = 16 * 2 ** 20;

/** The place of a MARK on the stack. */
const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/**
 * Reads one pickle; `end` is the byte after its STOP. Throws FormatError with the byte of the opcode at which it came
 * up; a value that contains itself is malformed.
 */
export function readPickle(bytes: Uint8Array, rules: PickleRules, start = 0): { value: PickleValue; end: number } {
  const machine = new PickleMachine(bytes, rules, start);
  try {
    const value = machine.run();
    checkAcyclic(value);
    return { value, end: machine.cursor.at };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw error.within({ place: `byte ${machine.cursor.opcodeAt} of the pickle` });
  }
}

type Handler = (m: PickleMachine, c: PickleCursor) => void;

const opcodes: Readonly<Record<string, Handler>> = {
  '\x80': (_, c) => {
    const protocol = c.u8();
    if (protocol > MAX_PROTOCOL)
      throw pickleError('malformed', `pickle protocol ${protocol}, expected at most ${MAX_PROTOCOL}`);
  },
  '\x95': (_, c) => c.checkLength(c.u64()),
  '(': (m) => m.push(MARK),
  '0': (m) => void m.popSlot(),
  '1': (m) => void m.popToMark(),
  '2': (m) => m.push(m.top()),
  // Plain values.
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  I: (m, c) => m.push(c.decimalInteger()),
  L: (m, c) => m.push(c.decimalInteger()),
  F: (m, c) => m.push(c.decimalFloat()),
  J: (m, c) => m.push(c.i32()),
  K: (m, c) => m.push(c.u8()),
  M: (m, c) => m.push(c.u16()),
  '\x8a': (m, c) => m.push(c.long(c.u8())),
  '\x8b': (m, c) => m.push(c.long(c.i32())),
  G: (m, c) => m.push(c.f64()),
  S: (m, c) => m.push(c.quotedLine()),
  T: (m, c) => m.push(c.byteString(c.i32())),
  U: (m, c) => m.push(c.byteString(c.u8())),
  V: (m, c) => m.push(c.escapedLine()),
  X: (m, c) => m.push(c.text(c.u32())),
  '\x8c': (m, c) => m.push(c.text(c.u8())),
  '\x8d': (m, c) => m.push(c.text(c.u64())),
  B: (m, c) => m.push(c.bytes(c.u32()).slice()),
  C: (m, c) => m.push(c.bytes(c.u8()).slice()),
  '\x8e': (m, c) => m.push(c.bytes(c.u64()).slice()),
  // Containers.
  ')': (m) => m.push(new PickleTuple([])),
  t: (m) => m.push(new PickleTuple(m.popToMark())),
  '\x85': (m) => m.push(new PickleTuple(m.popMany(1))),
  '\x86': (m) => m.push(new PickleTuple(m.popMany(2))),
  '\x87': (m) => m.push(new PickleTuple(m.popMany(3))),
  ']': (m) => m.push(new PickleList()),
  l: (m) => m.pushFilled(new PickleList(), m.popToMark()),
  a: (m) => m.fill(m.popMany(1)),
  e: (m) => m.fill(m.popToMark()),
  '}': (m) => m.push(new PickleDict()),
  d: (m) => m.pushFilled(new PickleDict(), m.popToMark()),
  s: (m) => m.fill(m.popMany(2)),
  u: (m) => m.fill(m.popToMark()),
  '\x8f': (m) => m.push(new PickleSet()),
  '\x90': (m) => m.fill(m.popToMark()),
  '\x91': (m) => m.push(new PickleSet(m.popToMark())),
  // Memo.
  p: (m, c) => m.memoize(Number(c.decimalInteger())),
  q: (m, c) => m.memoize(c.u8()),
  r: (m, c) => m.memoize(c.u32()),
  '\x94': (m) => m.memoize(m.memoSize),
  g: (m, c) => m.recall(Number(c.decimalInteger())),
  h: (m, c) => m.recall(c.u8()),
  j: (m, c) => m.recall(c.u32()),
  // Objects.
  c: (m, c) => m.global(c.line(), c.line()),
  '\x93': (m) => m.stackGlobal(),
  i: (m, c) => {
    // The name is checked first, so that a forbidden one is reported as such.
    m.global(c.line(), c.line());
    throw pickleError('unsupported', 'the opcode INST');
  },
  R: (m) => m.call(),
  '\x81': (m) => m.call(),
  b: (m) => m.build(),
  Q: (m) => m.persistent(),
};

/** Opcodes that exist but have no place in a checkpoint. */
const refused: Readonly<Record<string, string>> = {
  o: 'OBJ',
  P: 'PERSID',
  '\x82': 'EXT1',
  '\x83': 'EXT2',
  '\x84': 'EXT4',
  '\x92': 'NEWOBJ_EX',
  '\x96': 'BYTEARRAY8',
  '\x97': 'NEXT_BUFFER',
  '\x98': 'READONLY_BUFFER',
};

class PickleMachine {
  readonly cursor: PickleCursor;
  readonly rules: PickleRules;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #copied = 0;

  constructor(bytes: Uint8Array, rules: PickleRules, start: number) {
    this.cursor = new PickleCursor(bytes, start);
    this.rules = rules;
  }

  get memoSize(): number {
    return this.#memo.size;
  }

  run(): PickleValue {
    for (;;) {
      const code = this.cursor.opcode();
      if (code === '.') break;
      const handler = Object.hasOwn(opcodes, code) ? opcodes[code] : undefined;
      if (!handler) throw this.#unknown(code);
      handler(this, this.cursor);
    }
    const value = this.pop();
    if (this.#stack.length > 0) throw pickleError('malformed', `${this.#stack.length} values are left at STOP`);
    return value;
  }

  push(value: Slot): void {
    if (this.#stack.length >= MAX_STACK) throw pickleError('too-large', `more than ${MAX_STACK} values on the stack`);
    this.#stack.push(value);
  }

  popSlot(): Slot {
    const value = this.#stack.pop();
    if (value === undefined) throw pickleError('malformed', 'the stack is empty');
    return value;
  }

  pop(): PickleValue {
    const value = this.popSlot();
    if (value === MARK) throw pickleError('malformed', 'expected a value on the stack, got a mark');
    return value;
  }

  popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  popToMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw pickleError('malformed', 'there is no mark on the stack');
    const values = this.#stack.splice(at);
    return values.slice(1) as PickleValue[];
  }

  top(): PickleValue {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  memoize(index: number): void {
    if (!(index <= MAX_MEMO_INDEX))
      throw pickleError('too-large', `memo index ${index}, expected at most ${MAX_MEMO_INDEX}`);
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw pickleError('malformed', `memo index ${index} is not set`);
    this.push(value);
  }

  pushFilled(container: PickleList | PickleDict, values: PickleValue[]): void {
    this.push(container);
    this.fill(values);
  }

  /** Adds values to the container on top: items of a list or set, keys and values of a dictionary. */
  fill(values: readonly PickleValue[]): void {
    const target = this.top();
    if (target instanceof PickleList || target instanceof PickleSet)
      for (const value of values) target.items.push(value);
    else if (target instanceof PickleDict && values.length % 2 === 0) {
      for (let i = 0; i < values.length; i += 2) target.entries.set(values[i]!, values[i + 1]!);
    } else throw pickleError('malformed', `cannot add ${values.length} values to ${describeValue(target)}`);
  }

  global(module: string, name: string): void {
    const global = new PickleGlobal(module, name);
    if (!this.rules.globals.has(global.path)) {
      throw pickleError(
        'forbidden-global',
        `the file refers to ${quoteName(global.path)}, which is not among the names a checkpoint may use; ` +
          'it may try to run code: get a .safetensors version of it',
      );
    }
    this.push(global);
  }

  stackGlobal(): void {
    const [module, name] = this.popMany(2);
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw pickleError('malformed', 'STACK_GLOBAL needs two texts on the stack');
    }
    this.global(module, name);
  }

  /** REDUCE and NEWOBJ: the rule of the allow list, applied to the arguments. */
  call(): void {
    const [callee, args] = this.popMany(2);
    const rule = callee instanceof PickleGlobal ? this.rules.globals.get(callee.path) : undefined;
    if (!rule?.call || !(args instanceof PickleTuple)) {
      throw pickleError('malformed', `cannot build a value from ${describeValue(callee!)} and ${describeValue(args!)}`);
    }
    const { call } = rule;
    // Taken counts as well as made: a million pairs of one key make a dictionary of one.
    for (const taken of args.items) this.#count(sizeOfValue(taken));
    const value = call(args.items);
    this.#count(sizeOfValue(value));
    this.push(value);
  }

  #count(copied: number): void {
    this.#copied += copied;
    if (this.#copied > MAX_COPIED) throw pickleError('too-large', `calls that copy more than ${MAX_COPIED} items`);
  }

  persistent(): void {
    const id = this.pop();
    this.push(this.rules.persistent(id));
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    // Attributes of tensors and ordered dictionaries carry no weights.
    if (target instanceof PickleTensor || (target instanceof PickleDict && target.hasAttributes)) return;
    if (!(target instanceof PickleObject))
      throw pickleError('malformed', `cannot set the state of ${describeValue(target)}`);
    target.state = state;
  }

  #unknown(code: string): FormatError {
    const name = Object.hasOwn(refused, code) ? refused[code] : undefined;
    if (name) return pickleError('unsupported', `the opcode ${name}`);
    return pickleError('malformed', `0x${code.charCodeAt(0).toString(16).padStart(2, '0')} is no pickle opcode`);
  }
}

function sizeOfValue(value: PickleValue): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  const listed = value instanceof PickleTuple || value instanceof PickleSet || value instanceof PickleList;
  if (listed) return value.items.length;
  return value instanceof PickleDict ? value.entries.size : 1;
}

function describeValue(value: PickleValue): string {
  if (value instanceof PickleGlobal) return quoteName(value.path);
  if (value === null) return 'None';
  return typeof value === 'object' ? value.constructor.name.replace('Pickle', '').toLowerCase() : `a ${typeof value}`;
}

/** Walks every value once, without recursion, and refuses one that contains itself. */
function checkAcyclic(root: PickleValue): void {
  const done = new Map<PickleValue, boolean>();
  const path: { value: PickleValue; rest: Iterator<PickleValue> }[] = [];
  const enter = (value: PickleValue): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const known = done.get(value);
    if (known === false) throw pickleError('malformed', 'a value of the pickle contains itself');
    if (known) return;
    done.set(value, false);
    path.push({ value, rest: childrenOf(value)[Symbol.iterator]() });
  };
  enter(root);
  while (path.length > 0) {
    const { value, rest } = path.at(-1)!;
    const next = rest.next();
    if (!next.done) enter(next.value);
    else {
      done.set(value, true);
      path.pop();
    }
  }
}
