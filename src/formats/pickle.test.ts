import { describe, expect, it } from 'vitest';
import { readPickle } from './pickle.ts';
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleSet,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  type PickleValue,
} from './pickle-value.ts';
import { encodeLatin1 } from './text.ts';
import { torchPickleRules } from './torch-globals.ts';

/**
 * CPython 3.11's pickle.dumps, by protocol, of {'a': [1, -1, 255, 65535, 65536, -2**31, 2**31, 2**53 - 1, 2**53,
 * -2**70], 'f': [0.5, -1e300, inf], 'b': [True, False, None], 's': [...], 'y': bytes, 't': nested tuples, 'set': {7},
 * 'o': OrderedDict(k=1, l=[2]), 'again': the list 'a' itself}.
 */
const dumped: [number, string][] = [
  [
    0,
    'KGRwMApWYQpwMQoobHAyCkkxCmFJLTEKYUkyNTUKYUk2NTUzNQphSTY1NTM2CmFJLTIxNDc0ODM2NDgKYUwyMTQ3NDgzNjQ4TAphTDkwMDcxOTkyNTQ3NDA5OTFMCmFMOTAwNzE5OTI1NDc0MDk5MkwKYUwtMTE4MDU5MTYyMDcxNzQxMTMwMzQyNEwKYXNWZgpwMwoobHA0CkYwLjUKYUYtMWUrMzAwCmFGaW5mCmFzVmIKcDUKKGxwNgpJMDEKYUkwMAphTmFzVnMKcDcKKGxwOApWCnA5CmFW6Vx1NTdjZVxVMDAwMWY2MDAKcDEwCmFWcXVvdGUgJyAiIFx1MDA1YyBcdTAwMGFcdTAwMGQJCnAxMQphc1Z5CnAxMgpjX2NvZGVjcwplbmNvZGUKcDEzCihWXHUwMDAw/yBhYmMKcDE0ClZsYXRpbjEKcDE1CnRwMTYKUnAxNwpzVnQKcDE4CigodChJMQp0cDE5CihJMQpJMgp0cDIwCihJMQpJMgpJMwp0cDIxCihJMQpJMgpJMwpJNAp0cDIyCnRwMjMKc1ZzZXQKcDI0CmNfX2J1aWx0aW5fXwpzZXQKcDI1CigobHAyNgpJNwphdHAyNwpScDI4CnNWbwpwMjkKY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnAzMAoodFJwMzEKVmsKcDMyCkkxCnNWbApwMzMKKGxwMzQKSTIKYXNzVmFnYWluCnAzNQpnMgpzLg==',
  ],
  [
    1,
    'fXEAKFgBAAAAYXEBXXECKEsBSv////9L/03//0oAAAEASgAAAIBMMjE0NzQ4MzY0OEwKTDkwMDcxOTkyNTQ3NDA5OTFMCkw5MDA3MTk5MjU0NzQwOTkyTApMLTExODA1OTE2MjA3MTc0MTEzMDM0MjRMCmVYAQAAAGZxA11xBChHP+AAAAAAAABH/jfkPIgAdZxHf/AAAAAAAABlWAEAAABicQVdcQYoSTAxCkkwMApOZVgBAAAAc3EHXXEIKFgAAAAAcQlYCQAAAMOp5Z+O8J+YgHEKWA8AAABxdW90ZSAnICIgXCAKDQlxC2VYAQAAAHlxDGNfY29kZWNzCmVuY29kZQpxDShYBwAAAADDvyBhYmNxDlgGAAAAbGF0aW4xcQ90cRBScRFYAQAAAHRxEigpKEsBdHETKEsBSwJ0cRQoSwFLAksDdHEVKEsBSwJLA0sEdHEWdHEXWAMAAABzZXRxGGNfX2J1aWx0aW5fXwpzZXQKcRkoXXEaSwdhdHEbUnEcWAEAAABvcR1jY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcR4pUnEfKFgBAAAAa3EgSwFYAQAAAGxxIV1xIksCYXVYBQAAAGFnYWlucSNoAnUu',
  ],
  [
    2,
    'gAJ9cQAoWAEAAABhcQFdcQIoSwFK/////0v/Tf//SgAAAQBKAAAAgIoFAAAAgACKB////////x+KBwAAAAAAACCKCQAAAAAAAAAAwGVYAQAAAGZxA11xBChHP+AAAAAAAABH/jfkPIgAdZxHf/AAAAAAAABlWAEAAABicQVdcQYoiIlOZVgBAAAAc3EHXXEIKFgAAAAAcQlYCQAAAMOp5Z+O8J+YgHEKWA8AAABxdW90ZSAnICIgXCAKDQlxC2VYAQAAAHlxDGNfY29kZWNzCmVuY29kZQpxDVgHAAAAAMO/IGFiY3EOWAYAAABsYXRpbjFxD4ZxEFJxEVgBAAAAdHESKClLAYVxE0sBSwKGcRRLAUsCSwOHcRUoSwFLAksDSwR0cRZ0cRdYAwAAAHNldHEYY19fYnVpbHRpbl9fCnNldApxGV1xGksHYYVxG1JxHFgBAAAAb3EdY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnEeKVJxHyhYAQAAAGtxIEsBWAEAAABscSFdcSJLAmF1WAUAAABhZ2FpbnEjaAJ1Lg==',
  ],
  [
    3,
    'gAN9cQAoWAEAAABhcQFdcQIoSwFK/////0v/Tf//SgAAAQBKAAAAgIoFAAAAgACKB////////x+KBwAAAAAAACCKCQAAAAAAAAAAwGVYAQAAAGZxA11xBChHP+AAAAAAAABH/jfkPIgAdZxHf/AAAAAAAABlWAEAAABicQVdcQYoiIlOZVgBAAAAc3EHXXEIKFgAAAAAcQlYCQAAAMOp5Z+O8J+YgHEKWA8AAABxdW90ZSAnICIgXCAKDQlxC2VYAQAAAHlxDEMGAP8gYWJjcQ1YAQAAAHRxDigpSwGFcQ9LAUsChnEQSwFLAksDh3ERKEsBSwJLA0sEdHESdHETWAMAAABzZXRxFGNidWlsdGlucwpzZXQKcRVdcRZLB2GFcRdScRhYAQAAAG9xGWNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxGilScRsoWAEAAABrcRxLAVgBAAAAbHEdXXEeSwJhdVgFAAAAYWdhaW5xH2gCdS4=',
  ],
  [
    4,
    'gASVHAEAAAAAAAB9lCiMAWGUXZQoSwFK/////0v/Tf//SgAAAQBKAAAAgIoFAAAAgACKB////////x+KBwAAAAAAACCKCQAAAAAAAAAAwGWMAWaUXZQoRz/gAAAAAAAAR/435DyIAHWcR3/wAAAAAAAAZYwBYpRdlCiIiU5ljAFzlF2UKIwAlIwJw6nln47wn5iAlIwPcXVvdGUgJyAiIFwgCg0JlGWMAXmUQwYA/yBhYmOUjAF0lCgpSwGFlEsBSwKGlEsBSwJLA4eUKEsBSwJLA0sEdJR0lIwDc2V0lI+UKEsHkIwBb5SMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojAFrlEsBjAFslF2USwJhdYwFYWdhaW6UaAJ1Lg==',
  ],
];

function read(text: string): PickleValue {
  return readPickle(encodeLatin1(text)!, torchPickleRules()).value;
}

/** As plain JavaScript values. */
function plain(value: PickleValue): unknown {
  if (value instanceof PickleTuple) return { tuple: value.items.map(plain) };
  if (value instanceof PickleList) return value.items.map(plain);
  if (value instanceof PickleSet) return { set: value.items.map(plain) };
  if (value instanceof PickleDict) return Object.fromEntries([...value.entries].map(([k, v]) => [String(k), plain(v)]));
  return value;
}

describe('readPickle', () => {
  it.each(dumped)('reads protocol %i of CPython', (_, base64) => {
    const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
    const { value, end } = readPickle(bytes, torchPickleRules());
    expect(end).toBe(bytes.length);
    const a = [1, -1, 255, 65535, 65536, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, 2n ** 53n, -(2n ** 70n)];
    expect(plain(value)).toEqual({
      a,
      f: [0.5, -1e300, Number.POSITIVE_INFINITY],
      b: [true, false, null],
      s: ['', 'é城\u{1f600}', 'quote \' " \\ \n\r\t'],
      y: Uint8Array.of(0, 255, 32, 97, 98, 99),
      t: { tuple: [1, 2, 3, 4, 5].map((_, n) => ({ tuple: Array.from({ length: n }, (_, i) => i + 1) })) },
      set: { set: [7] },
      o: { k: 1, l: [2] },
      again: a,
    });
    const dict = value as PickleDict;
    expect(dict.get('again')).toBe(dict.get('a'));
  });

  it.each([
    [
      'Python 2 strings',
      "(S'a\\x41\\n'\nS\"b'\"\nT\x02\x00\x00\x00\xc3\xa9U\x01\xffl.",
      ['aA\n', "b'", 'é', Uint8Array.of(255)],
    ],
    ['POP, POP_MARK, DUP', '(K\x01K\x020(K\x03K\x0412l.', [1, 1]],
    ['FROZENSET and bytes of 4-byte length', '(K\x01\x91B\x02\x00\x00\x00ab0.', { set: [1] }],
    ['DICT', '(K\x01K\x02d.', { 1: 2 }],
    ['a frame', '\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00N.', null],
    ['GET and PUT', ']p5\n(g5\n0K\x07e.', [7]],
  ])('reads %s', (_, text, want) => {
    expect(plain(read(text))).toEqual(want);
  });

  it.each([
    ['malformed', 'values left at STOP', 'NN.'],
    ['malformed', 'a mark in place of a value', '(.'],
    ['malformed', 'an append to a number', 'K\x01K\x02a.'],
    ['malformed', 'an odd number of keys and values', '}(K\x01u.'],
    ['malformed', 'a call of a text', 'U\x01a)R.'],
    ['malformed', 'a call of a name that is only a name', 'ctorch\nTensor\n)R.'],
    ['malformed', 'arguments that are no tuple', 'ccollections\nOrderedDict\n]R.'],
    ['malformed', 'the state of a list', ']}b.'],
    ['malformed', 'text that is not UTF-8', 'X\x01\x00\x00\x00\xff.'],
    ['malformed', 'a list in a list in itself', ']q\x00]h\x00aa.'],
    ['malformed', 'a persistent id that is no storage', 'K\x01Q.'],
    ['malformed', 'a number that is none', 'Iabc\n.'],
    ['truncated', 'a cut opcode', 'M\x01'],
    ['truncated', 'a cut line', 'I12'],
    ['unsupported', 'INST of a name that may occur', '(icollections\nOrderedDict\n.'],
    ['unsupported', 'PERSID', 'Pabc\n.'],
    ['unsupported', 'NEXT_BUFFER', '\x80\x05\x97.'],
    ['forbidden-global', 'an attribute of an allowed class', 'ccollections\nOrderedDict.__init__\n.'],
    ['forbidden-global', 'a split at another dot', 'ccollections.OrderedDict\n__class__\n.'],
  ])('refuses as %s: %s', (kind, _, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ kind, code: `pickle.${kind}` }));
  });

  it('bounds what calls may copy', () => {
    const items = ']q\x00('.concat('N'.repeat(9000), 'e0');
    const copy = 'c__builtin__\nset\nh\x00\x85R0';
    expect(plain(read(`${items}${copy.repeat(10)}N.`))).toBeNull();
    expect(() => read(`${items}${copy.repeat(7500)}N.`)).toThrow(expect.objectContaining({ kind: 'too-large' }));
  });
});

describe('the work of calls', () => {
  /** OrderedDict(n equal pairs), as often. */
  const pairs = (n: number, times: number): string =>
    `]q\x00(${'(K\x01K\x02tq\x01'.slice(0, -2)}${'2'.repeat(Math.min(n, 5000) - 1)}e0`.concat(
      'ccollections\nOrderedDict\nh\x00\x85R0'.repeat(times),
      'N.',
    );

  it('counts what they walk through, not only what they make', () => {
    expect(plain(read(pairs(5000, 100)))).toBeNull();
    // One entry each: 4000 dictionaries of one key were made from 20 million pairs.
    expect(() => read(pairs(5000, 4000))).toThrow(expect.objectContaining({ kind: 'too-large' }));
  });
});

describe('torchPickleRules', () => {
  const storage = (type: string, numel: string, view = ''): string =>
    `(U\x07storagec${type}\nU\x010U\x03cpu${numel}${view}tQ`;
  const v2 = (args: string): string => `ctorch._utils\n_rebuild_tensor_v2\n(${args}tR.`;

  it('rebuilds tensors and parameters as views', () => {
    const tensor = `ctorch._utils\n_rebuild_tensor_v2\n(${storage('torch\nHalfStorage', 'K\x0a')}K\x02K\x02K\x03\x86K\x01K\x02\x86\x89NtR`;
    const got = read(`ctorch._utils\n_rebuild_parameter\n${tensor}\x88N\x87R.`) as PickleTensor;
    expect(got).toEqual(new PickleTensor(new PickleStorage('0', 'F16', 10), 'F16', 2, [2, 3], [1, 2]));
  });

  it('rebuilds tensors of the newer element types on untyped storages', () => {
    const args = `${storage('torch.storage\nUntypedStorage', 'K\x08')}K\x01K\x03\x85K\x01\x85\x89Nctorch\nuint16\n`;
    const got = read(`ctorch._utils\n_rebuild_tensor_v3\n(${args}tR.`) as PickleTensor;
    expect([got.dtype, got.offset, got.shape]).toEqual(['U16', 1, [3]]);
    const beyond = args.replace('K\x03\x85', 'K\x04\x85');
    expect(() => read(`ctorch._utils\n_rebuild_tensor_v3\n(${beyond}tR.`)).toThrow(/leaves its storage of 4 elements/);
  });

  it('applies the storage views of legacy files', () => {
    const view = 'U\x01vK\x04K\x03\x87';
    const part = storage('torch\nFloatStorage', 'K\x0a', view);
    const got = read(v2(`${part}K\x01K\x02\x85K\x01\x85\x89N`)) as PickleTensor;
    expect([got.offset, got.storage.numel]).toEqual([5, 10]);
    expect(() => read(v2(`${part}K\x01K\x03\x85K\x01\x85\x89N`))).toThrow(/leaves its storage of 3 elements/);
    expect(() => read(v2(storage('torch\nFloatStorage', 'K\x06', view)))).toThrow(/storage view/);
  });

  it('allows repeated elements of modest size', () => {
    const got = read(v2(`${storage('torch\nFloatStorage', 'K\x01')}K\x00M\x00\x10\x85K\x00\x85\x89N`)) as PickleTensor;
    expect([got.shape, got.strides]).toEqual([[4096], [0]]);
  });

  it('refuses a storage that is declared in two ways', () => {
    const two = `(${storage('torch\nFloatStorage', 'K\x01')}${storage('torch\nFloatStorage', 'K\x02')}t.`;
    expect(() => read(two)).toThrow(expect.objectContaining({ kind: 'bad-tensor' }));
  });

  it('reads plain NumPy scalars, and keeps other objects as parts', () => {
    const scalar = (code: string, order: string, bytes: string): string =>
      `cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n(U\x02${code}\x89\x88tR(K\x03U\x01${order}tbC${String.fromCharCode(bytes.length)}${bytes}\x86R.`;
    expect(read(scalar('f8', '<', '\0\0\0\0\0\0\xe0?'))).toBe(0.5);
    expect(read(scalar('i4', '<', '\xfe\xff\xff\xff'))).toBe(-2);
    expect(read(scalar('b1', '|', '\x01'))).toBe(true);
    expect(read(scalar('i4', '>', '\xfe\xff\xff\xff'))).toBeInstanceOf(PickleObject);
    expect(read(scalar('f8', '<', '\0\0'))).toBeInstanceOf(PickleObject);
    const dict = read('ctorch.nn.modules.container\nParameterDict\n)\x81}U\x0b_parameters}sb.') as PickleObject;
    expect([dict.type, plain(dict.state)]).toEqual(['torch.nn.ParameterDict', { _parameters: {} }]);
  });

  it('keeps classes that are used as keys as names', () => {
    const dict = read('}cpytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\nK\x01s.') as PickleDict;
    expect([...dict.entries.keys()]).toEqual([
      new PickleGlobal('pytorch_lightning.callbacks.model_checkpoint', 'ModelCheckpoint'),
    ]);
  });

  it('reads settings of OmegaConf and callbacks of Lightning 2 as parts without meaning', () => {
    const list = read('comegaconf.listconfig\nListConfig\n)\x81}U\x08_content]sb.') as PickleObject;
    expect([list.type, plain(list.state)]).toEqual(['omegaconf.listconfig.ListConfig', { _content: [] }]);
    const callback = 'clightning.pytorch.callbacks.model_checkpoint\nModelCheckpoint\n';
    expect(read(`${callback}.`)).toBeInstanceOf(PickleGlobal);
    expect(() => read(`${callback})R.`)).toThrow(expect.objectContaining({ kind: 'malformed' }));
  });

  it('rebuilds a tensor that has attributes, and by no other function', () => {
    const args = `(${storage('torch\nFloatStorage', 'K\x04')}K\x00K\x04\x85K\x01\x85\x89Nt`;
    const build = (name: string): PickleValue =>
      read(`ctorch._tensor\n_rebuild_from_type_v2\n(c${name}\nctorch\nTensor\n${args}}tR.`);
    expect((build('torch._utils\n_rebuild_tensor_v2') as PickleTensor).shape).toEqual([4]);
    expect(() => build('collections\nOrderedDict')).toThrow(expect.objectContaining({ kind: 'malformed' }));
  });

  it('reads OrderedDict from pairs, as Python 2 wrote it', () => {
    expect(plain(read('ccollections\nOrderedDict\n](](U\x01bK\x01ee\x85R.'))).toEqual({ b: 1 });
  });
});
