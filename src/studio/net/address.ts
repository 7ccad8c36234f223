/**
 * Which addresses are nobody's business from outside: this machine, the local network, cloud metadata services.
 * Sources: IANA special-purpose address registries (RFC 6890, RFC 8190).
 */

import { BlockList, isIP } from 'node:net';

const ranges4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
const ranges6: readonly (readonly [string, number])[] = [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

let blocked: BlockList | undefined;

function blockList(): BlockList {
  if (blocked) return blocked;
  blocked = new BlockList();
  for (const [address, prefix] of ranges4) blocked.addSubnet(address, prefix, 'ipv4');
  for (const [address, prefix] of ranges6) blocked.addSubnet(address, prefix, 'ipv6');
  return blocked;
}

/** True for an IP address (v4, v6, or v4 within v6) that is not on the public internet. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(?:0:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? mappedHex(address);
  if (mapped !== undefined) return isPrivateAddress(mapped);
  const version = isIP(address);
  if (version === 0) return true;
  return blockList().check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/** `::ffff:7f00:1` is 127.0.0.1. */
function mappedHex(address: string): string | undefined {
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address);
  if (!match) return undefined;
  const [high, low] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
