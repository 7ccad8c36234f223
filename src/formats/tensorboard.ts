/**
 * TensorBoard's event files: records (length, data, checksums; tensorflow/core/lib/io/record_writer.h) with protocol
 * buffers of `Event` (tensorflow/core/util/event.proto). Only scalars are written.
 */

import { ProtoWriter } from './protobuf.ts';

/** What a file begins with. */
export function eventFileStart(seconds: number): Uint8Array {
  const event = new ProtoWriter();
  event.double(1, seconds);
  event.string(3, 'brain.Event:2');
  return record(event.finish());
}

/** Values of one step; `seconds` since 1970. */
export function scalarEvent(seconds: number, step: number, values: Readonly<Record<string, number>>): Uint8Array {
  const event = new ProtoWriter();
  event.double(1, seconds);
  event.int64(2, step);
  event.message(5, (summary) => {
    for (const [tag, value] of Object.entries(values)) {
      summary.message(1, (each) => {
        each.string(1, tag);
        each.float(2, value);
      });
    }
  });
  return record(event.finish());
}

function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length, true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return bytes;
}

/** CRC-32C (Castagnoli), rotated and moved, so that checksums of data with checksums in it are none of a kind. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  const whole = ~crc >>> 0;
  return (((whole >>> 15) | (whole << 17)) + 0xa282ead8) >>> 0;
}
