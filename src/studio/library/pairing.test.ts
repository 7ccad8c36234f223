import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { convertModel } from '../convert/convert.ts';
import { modelOpener } from './open-model.ts';

const models = fileURLToPath(new URL('../../../test/goldens/data/models/', import.meta.url));
let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'pairing-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(from: string, to: string): void {
  mkdirSync(path.dirname(path.join(root, to)), { recursive: true });
  copyFileSync(path.join(models, from), path.join(root, to));
}

/** As ComfyUI keeps the parts of a model. */
function splitLayout(): void {
  put('quantised/tiny-sd1-unet-comfy-q8_0.gguf', 'unet/tiny.gguf');
  // Sizes that no file of so small a network tells.
  put('tiny-sd1/tiny-sd1.yaml', 'unet/tiny.yaml');
  put('tiny-sd1/text_encoder/model.safetensors', 'clip/clip-tiny.safetensors');
  put('tiny-sd1/vae/diffusion_pytorch_model.safetensors', 'vae/tiny-vae.safetensors');
}

const open = (request: { textEncoders?: string[] } = {}) =>
  modelOpener([root])({ model: 'tiny', vae: undefined, ...request });

describe('a U-Net by itself', () => {
  it('is paired with a text encoder that fits and a VAE, and says with which', async () => {
    splitLayout();
    // No text encoder, whatever its folder says.
    put('tiny-sd1/vae/diffusion_pytorch_model.safetensors', 'text_encoders/another.safetensors');
    const model = await open();
    expect(model.warnings).toEqual([
      expect.stringMatching(
        /tiny\.gguf is a U-Net by itself: clip-tiny\.safetensors is taken as a text encoder of width/,
      ),
      expect.stringMatching(/tiny-vae\.safetensors is taken as a VAE/),
    ]);
    const names = ['unet.conv_in.weight', 'vae.decoder.conv_in.weight'];
    const text = 'text_encoder.text_model.embeddings.token_embedding.weight';
    for (const name of [...names, text]) expect(model.weights.get(name), name).toBeDefined();
  });

  it('takes the text encoder that was chosen, and refuses one that does not fit', async () => {
    splitLayout();
    put('tiny-sd1/text_encoder/model.safetensors', 'clip/second.safetensors');
    expect((await open()).warnings[0]).toMatch(/1 more would fit/);
    const chosen = await open({ textEncoders: ['second'] });
    expect(chosen.warnings).toEqual([expect.stringMatching(/VAE/)]);
    await expect(open({ textEncoders: ['nothing'] })).rejects.toMatchObject({ code: 'text-encoder.unknown' });
    put('tiny-sd1/vae/diffusion_pytorch_model.safetensors', 'clip/no-encoder.safetensors');
    await expect(open({ textEncoders: ['no-encoder'] })).rejects.toMatchObject({ code: 'model.not-an-encoder' });
  });

  it('says what it needs where there is nothing to pair it with', async () => {
    splitLayout();
    rmSync(path.join(root, 'clip'), { recursive: true });
    await expect(open()).rejects.toMatchObject({
      code: 'model.no-partner',
      message: expect.stringMatching(
        /needs a text encoder of width 16, and there is none in text_encoders\/ or clip\//,
      ) as unknown,
    });
  });

  it('takes two text encoders that were chosen, as SDXL has them', async () => {
    const whole = path.join(models, 'tiny-sdxl/tiny-sdxl.safetensors');
    const folder = path.join(root, '..', `${path.basename(root)}-whole`);
    await convertModel({ from: whole, to: folder, layout: 'diffusers', form: 'f32' });
    const take = (from: string, to: string): void => put(path.relative(models, path.join(folder, from)), to);
    put('tiny-sdxl/tiny-sdxl.yaml', 'diffusion_models/tiny.yaml');
    take('unet/diffusion_pytorch_model.safetensors', 'diffusion_models/tiny.safetensors');
    take('text_encoder/model.safetensors', 'text_encoders/clip_l.safetensors');
    take('text_encoder_2/model.safetensors', 'text_encoders/clip_g.safetensors');
    take('vae/diffusion_pytorch_model.safetensors', 'vae/tiny-vae.safetensors');
    rmSync(folder, { recursive: true });
    const model = await open({ textEncoders: ['clip_l', 'clip_g'] });
    const text = (encoder: string): string => `${encoder}.text_model.embeddings.token_embedding.weight`;
    for (const encoder of ['text_encoder', 'text_encoder_2']) expect(model.weights.get(text(encoder))).toBeDefined();
    expect(model.warnings).toEqual([expect.stringMatching(/tiny-vae\.safetensors is taken as a VAE/)]);
  });
});
