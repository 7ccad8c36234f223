/** A1111's names of Real-ESRGAN's models, lower case, and the files that they are published as. */
export const realEsrganFiles: Readonly<Record<string, string>> = {
  'r-esrgan general 4xv3': 'realesr-general-x4v3',
  'r-esrgan general wdn 4xv3': 'realesr-general-wdn-x4v3',
  'r-esrgan animevideo': 'realesr-animevideov3',
  'r-esrgan 4x+': 'RealESRGAN_x4plus',
  'r-esrgan 4x+ anime6b': 'RealESRGAN_x4plus_anime_6B',
  'r-esrgan 2x+': 'RealESRGAN_x2plus',
};
