/** Lists, maps and numbers that grow with a request, each where no request of people has more than a few. */

import type { HostileRequest } from './requests.ts';

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const post = (name: string, path: string, body: unknown, method = 'POST'): HostileRequest => ({
  name: `lists: ${name}`,
  method,
  path,
  body,
});
const get = (name: string, path: string): HostileRequest => ({ name: `lists: ${name}`, method: 'GET', path });
const whole = { prompt: 'a', steps: 1, width: 64, height: 64 };

export function* hostileLists(): Generator<HostileRequest> {
  yield* series();
  yield* fields();
  yield* names();
  yield* work();
  yield* numbers();
}

function* series(): Generator<HostileRequest> {
  const axis = (values: unknown) => ({ ...whole, x: 'seed', xValues: values });
  yield post('a plot of 90,000 values', '/api/v1/series/plot', axis(times(90_000, String).join(',')));
  yield post('a plot of a range of a billion', '/api/v1/series/plot', axis('1-1000000000'));
  yield post('a plot of ranges in steps of nothing', '/api/v1/series/plot', axis('1-9 (+0),1-9 [1000000000]'));
  const plot = { ...whole, script_name: 'x/y/z plot' };
  for (const values of [times(90_000, String).join(','), '1-1e9', `1-10 [${'9'.repeat(300)}]`, '1-2 (+1e-300)'])
    yield post(`a plot of A1111's of ${values.slice(0, 12)}`, '/sdapi/v1/txt2img', {
      ...plot,
      script_args: [1, values, [], 1, values, [], 1, values, []],
    });
  yield post('a matrix of sixty parts', '/api/v1/series/matrix', { ...whole, prompt: times(60, String).join('|') });
  yield post('a matrix of 40,000 parts', '/api/v1/series/matrix', { ...whole, prompt: 'a|'.repeat(40_000) });
  yield post('100,000 lines', '/api/v1/series/prompts', { ...whole, lines: 'a\n'.repeat(100_000) });
  yield post('lines of flags', '/api/v1/series/prompts', { ...whole, lines: '--prompt "'.repeat(9000) });
  yield post('a million loops', '/api/v1/series/loopback', { ...whole, loops: 1_000_000 });
}

function* fields(): Generator<HostileRequest> {
  yield post('5,000 control units', '/api/v1/jobs', { ...whole, controls: times(5000, () => ({ image: 'A' })) });
  const units = times(5000, () => ({ enabled: true, image: 'A', model: 'a', module: 'canny' }));
  yield post("5,000 units of A1111's", '/sdapi/v1/txt2img', {
    ...whole,
    alwayson_scripts: { controlnet: { args: units } },
  });
  yield post('20,000 pictures to start from', '/sdapi/v1/img2img', { ...whole, init_images: times(20_000, () => 'A') });
  yield post('40,000 styles', '/api/v1/jobs', { ...whole, styles: times(40_000, String) });
  yield post('a label of a megabyte', '/api/v1/jobs', { ...whole, label: 'a'.repeat(900_000) });
  yield post('a task of a megabyte', '/sdapi/v1/txt2img', { ...whole, force_task_id: 'a'.repeat(900_000) });
  yield post('a sampler of a megabyte', '/api/v1/jobs', { ...whole, sampler: 'a '.repeat(450_000) });
  yield post('a model of brackets', '/api/v1/jobs', { ...whole, model: '[0'.repeat(250_000) });
  yield post("a model of A1111's of brackets", '/sdapi/v1/txt2img', {
    ...whole,
    override_settings: { sd_model_checkpoint: 'a ['.repeat(300_000) },
  });
  yield post('options of 50,000 values', '/sdapi/v1/options', { quicksettings_list: times(50_000, String) });
  yield post('an option of a megabyte', '/sdapi/v1/options', { sd_model_checkpoint: 'a'.repeat(900_000) });
  yield post(
    'settings of 1,900 names',
    '/api/v1/settings',
    Object.fromEntries(times(1900, (i) => [`s${i}`, i])),
    'PATCH',
  );
  yield post('names of prototypes', '/api/v1/jobs', JSON.parse('{"__proto__":{"prompt":"a"},"constructor":{"a":1}}'));
  yield post(
    'options of prototypes',
    '/sdapi/v1/options',
    JSON.parse('{"__proto__":{"a":1},"toString":"a","valueOf":1}'),
  );
  yield get('1,200 tags', `/api/v1/images?${'tags=a&'.repeat(1200)}`);
  yield get('1,200 kinds of events', `/api/v1/events?${'type=job.added&'.repeat(900)}`);
  yield get(
    'an archive of 600',
    `/api/v1/images/archive?${times(600, (i) => `ids=${i.toString(36).padStart(16, 'a')}`).join('&')}`,
  );
}

function* names(): Generator<HostileRequest> {
  const long = 'a'.repeat(900_000);
  const marks = `e${'\u0301'.repeat(400_000)}`;
  for (const [name, text] of [
    ['a megabyte', long],
    ['marks', marks],
  ] as const) {
    yield post(`a board of ${name}`, '/api/v1/boards', { name: text });
    yield post(`a style of ${name}`, '/api/v1/styles/a', { prompt: text, negativePrompt: text }, 'PUT');
    yield post(`a sheet of ${name}`, '/api/v1/styles/import', { sheet: text });
    yield post(`an account of ${name}`, '/api/v1/users', { name: text, password: 'a password' });
    yield post(`a password of ${name}`, '/api/v1/session', { name: 'ann', password: text });
    yield post(`a download of ${name}`, '/api/v1/pulls', { source: `https://huggingface.co/${text}` });
    yield post(`an address of ${name}`, '/sdapi/v1/png-info', { image: `http://127.0.0.1/${text}` });
    yield post(`a data set of ${name}`, '/api/v1/datasets', { name: text });
    yield post(`a prompt to measure of ${name}`, '/api/v1/prompts/measure', { prompt: text, text });
    yield post(`progress of ${name}`, '/internal/progress', { id_task: text, id_live_preview: -1 });
  }
}

function* work(): Generator<HostileRequest> {
  const models = times(5000, (i) => ({ model: `m${i}`, weight: 1 }));
  yield post('a merge of 5,000', '/api/v1/merges', { models, a: 'a', b: 'b', name: 'x' });
  yield post('block weights of 90,000', '/api/v1/merges', {
    a: 'a',
    b: 'b',
    name: 'x',
    blocks: times(90_000, () => 0.5),
  });
  yield post('a training of 90,000 values', '/api/v1/trainings', {
    method: 'lora',
    settings: { sample_prompts: times(90_000, String) },
  });
  yield post('a lab run of 90,000 values', '/api/v1/lab/runs', {
    experiment: 'lenet',
    settings: { layers: times(90_000, () => 1) },
  });
  yield post('captions of 20,000 pictures', '/api/v1/captions', { pictures: times(20_000, () => 'A'), picture: 'A' });
}

function* numbers(): Generator<HostileRequest> {
  const raw = (name: string, text: string): HostileRequest => ({
    name: `lists: ${name}`,
    method: 'POST',
    path: '/api/v1/jobs',
    headers: { 'content-type': 'application/json' },
    body: text,
  });
  for (const value of [
    '1e400',
    '-1e400',
    '-0',
    '1e-400',
    '9007199254740993',
    '"1e9"',
    '[1]',
    '{"a":1}',
    'true',
    'null',
  ]) {
    yield raw(`a seed of ${value}`, `{"prompt":"a","steps":1,"seed":${value}}`);
    yield raw(`steps of ${value}`, `{"prompt":"a","steps":${value}}`);
    yield raw(`a scale of ${value}`, `{"prompt":"a","steps":1,"cfgScale":${value}}`);
  }
  yield raw('a name twice, of two kinds', '{"prompt":"a","prompt":["b"],"steps":1}');
  yield raw('a body with a mark', '\ufeff{"prompt":"a","steps":1}');
}
