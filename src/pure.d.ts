/** What every host has (browser and Node alike) and ES does not declare: all that rooms without a platform may use of it. */

interface TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}
declare const TextEncoder: { new (): TextEncoder };

interface TextDecoder {
  decode(bytes?: Uint8Array): string;
}
declare const TextDecoder: {
  new (label?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean }): TextDecoder;
};

/** Base64 to Latin-1 and back. */
declare function atob(base64: string): string;
declare function btoa(latin1: string): string;

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
}

interface ByteReader {
  read(): Promise<
    { readonly done: false; readonly value: Uint8Array } | { readonly done: true; readonly value?: undefined }
  >;
  cancel(): Promise<void>;
}

interface DecompressionStream {
  readonly readable: { getReader(): ByteReader };
  readonly writable: { getWriter(): { write(bytes: Uint8Array): Promise<void>; close(): Promise<void> } };
}
declare const DecompressionStream: { new (format: 'deflate' | 'deflate-raw' | 'gzip'): DecompressionStream };
