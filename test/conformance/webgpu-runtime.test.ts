import { describe } from 'vitest';
import { describeWebGpu } from './webgpu-suite.ts';

describe("the runtime's WebGPU", () => describeWebGpu('runtime', {}));
