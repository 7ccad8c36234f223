import { describe, expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import type { Feeds, Session } from '#engine/backend';
import type { TextEncoderPart } from '#models/family';
import { applyEmphasis, type EmphasisMode } from '#prompt/emphasis';
import { createClipTokenizer } from '#prompt/tokenizer';
import { encodeComposition, encodePrompt } from './conditioning.ts';

const width = 2;
const positions = 77;
const tokenizer = createClipTokenizer();
const part = {
  component: 'text',
  padId: 49407,
  positions,
  width,
  tokenizer: () => tokenizer,
} as Partial<TextEncoderPart> as TextEncoderPart;

/** Hidden states that tell their token and position. */
const session = {
  graph: { inputs: [] },
  async run({ ids }: Feeds) {
    const { shape, data } = ids!;
    const context = new Float32Array(data.length * width);
    for (let i = 0; i < data.length; i++) {
      context[i * width] = Number(data[i]) / 1000;
      context[i * width + 1] = 1 + (i % positions) / 100;
    }
    return { context: f32([shape[0]!, positions, width], context) };
  },
} as unknown as Session;

const optionsOf = (emphasis: EmphasisMode = 'Original') => ({ encoders: [{ part, session }], emphasis });
const long = Array.from({ length: 80 }, () => 'tree').join(' ');
const alone = async (text: string) => (await encodePrompt(text, 1, optionsOf())).at(0);

describe('a prompt that changes on the way', () => {
  it('is seen by denoiser calls as upstream counts them', async () => {
    const edited = await encodePrompt('[cat:dog:2]', 4, optionsOf());
    const [cat, dog] = [await alone('cat'), await alone('dog')];
    expect([0, 1, 2, 3].map((call) => edited.at(call))).toEqual([cat, cat, cat, dog]);
    const alternating = await encodePrompt('[cat|dog]', 4, optionsOf());
    expect([0, 1, 2, 3].map((call) => alternating.at(call))).toEqual([cat, cat, dog, cat]);
  });

  it('has contexts of one length, with empty chunks at the end', async () => {
    const edited = await encodePrompt(`[cat:${long}:1]`, 4, optionsOf());
    const [first, later] = [edited.at(0), edited.at(3)];
    expect([first.tokens, later.tokens]).toEqual([2 * positions, 2 * positions]);
    const [cat, empty] = [await alone('cat'), await alone('')];
    expect(first.data).toEqual(Float32Array.from([...cat.data, ...empty.data]));
  });

  it('keeps the mean over all its texts under emphasis', async () => {
    const edited = await encodePrompt('[(cat:2)|dog]', 4, optionsOf());
    const cat = await alone('cat');
    const dog = await alone('dog');
    const multipliers = Array.from({ length: positions }, (_, i) => (i === 1 ? 2 : 1));
    const [weighted, plain] = applyEmphasis('Original', [
      { hidden: cat.data, multipliers, times: 2 },
      { hidden: dog.data, multipliers: multipliers.map(() => 1), times: 2 },
    ]);
    expect(edited.at(1).data).toEqual(weighted);
    expect(edited.at(2).data).toEqual(plain);
    expect(plain).not.toEqual(dog.data);
  });
});

describe('conditions joined by AND', () => {
  it('are of one length, the last vector repeated', async () => {
    const [cat, trees] = await encodeComposition(`cat :0.5 AND ${long}`, 4, optionsOf());
    expect([cat!.weight, trees!.weight]).toEqual([0.5, 1]);
    const { tokens, data } = cat!.conditioning.at(0);
    expect(tokens).toBe(2 * positions);
    const own = (await alone('cat')).data;
    expect(data.slice(0, own.length)).toEqual(own);
    for (let i = own.length; i < data.length; i += width) {
      expect(data.slice(i, i + width)).toEqual(own.slice(-width));
    }
  });
});
