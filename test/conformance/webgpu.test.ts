import { describe } from 'vitest';
import { describeWebGpu } from './webgpu-suite.ts';

describe('our own shaders on WebGPU', () => describeWebGpu('own', {}));
