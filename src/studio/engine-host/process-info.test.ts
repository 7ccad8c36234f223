import { afterEach, expect, it, vi } from 'vitest';
import { engineEnvironment } from './process-info.ts';

afterEach(() => vi.unstubAllEnvs());

it('has an engine give large blocks back, unless the user set it, and tells it no secrets', () => {
  vi.stubEnv('MALLOC_MMAP_THRESHOLD_', undefined);
  vi.stubEnv('HF_TOKEN', 'hf_x');
  expect(engineEnvironment()).toMatchObject({ MALLOC_MMAP_THRESHOLD_: '1048576', PATH: process.env.PATH });
  expect(engineEnvironment()).not.toHaveProperty('HF_TOKEN');
  vi.stubEnv('MALLOC_MMAP_THRESHOLD_', '65536');
  expect(engineEnvironment().MALLOC_MMAP_THRESHOLD_).toBe('65536');
});
