import { expect, it } from 'vitest';
import { isPrivateAddress } from './address.ts';

it.each(['10.0.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '192.168.1.1', '0.0.0.0', '100.64.0.1', '::1'])(
  'keeps %s private',
  (address) => expect(isPrivateAddress(address)).toBe(true),
);

it.each(['fe80::1', 'fc00::1', '::ffff:10.0.0.1', '::ffff:7f00:1', 'no address'])('keeps %s private too', (address) => {
  expect(isPrivateAddress(address)).toBe(true);
});

it.each(['9.255.255.255', '11.0.0.1', '172.32.0.1', '2606:4700::1', '::ffff:8.8.8.8'])('lets %s pass', (address) => {
  expect(isPrivateAddress(address)).toBe(false);
});
