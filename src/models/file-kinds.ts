/** Kinds of model files, as sentences call them. */
export const fileKinds = {
  checkpoint: 'checkpoint',
  unet: 'U-Net',
  vae: 'VAE',
  'text-encoder': 'text encoder',
  lora: 'LoRA',
  embedding: 'textual inversion embedding',
  hypernetwork: 'hypernetwork',
  controlnet: 'ControlNet',
  't2i-adapter': 'T2I adapter',
  'ip-adapter': 'IP adapter',
  'vision-encoder': 'vision encoder',
  'tiny-autoencoder': 'tiny autoencoder (TAESD)',
  upscaler: 'upscaler',
  unknown: 'file of unknown kind',
} as const;

export type FileKind = keyof typeof fileKinds;

/** Those that hold the network which draws, alone or with all that belongs to it. */
export function isDrawingKind(kind: FileKind): boolean {
  return kind === 'checkpoint' || kind === 'unet';
}
