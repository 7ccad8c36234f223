import { describe, expect, it } from 'vitest';
import { tensorContainer } from './file-signature.ts';

describe('tensorContainer', () => {
  it('takes a header length that looks like a pickle for what it is', () => {
    // 640 bytes of header, and protocol 2 of pickle followed by torch's magic number.
    const header = [0x80, 0x02, 0, 0, 0, 0, 0, 0, 0x7b, 0x22];
    const pickle = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20];
    expect(tensorContainer(Uint8Array.from(header))).toBe('safetensors');
    expect(tensorContainer(Uint8Array.from(pickle))).toBe('torch');
    expect(tensorContainer(Uint8Array.from([0x47, 0x47, 0x55, 0x46]))).toBe('gguf');
    expect(tensorContainer(new Uint8Array())).toBeUndefined();
  });
});
