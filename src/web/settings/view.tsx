/** Settings: the server's by their schema, this browser's, the engines. */

import { createMemo, createSignal, For, Show } from 'solid-js';
import { notifies, setNotifies } from '../shell/notify.ts';
import { applyTheme, storedTheme, type Theme, themes } from '../shell/theme.ts';
import { useChoices } from '../state/choices.ts';
import { fieldsOf, isAbout, type SettingField } from '../state/fields.ts';
import { useSettings, useStatus } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Field } from '../ui/field.tsx';
import { FieldControl } from '../ui/field-control.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { Select } from '../ui/select.tsx';
import { fileSize } from '../words/figures.ts';
import { type Language, language, languages, speak, words } from '../words/index.ts';
import { Accounts } from './accounts.tsx';

export default function Settings() {
  return (
    <div class="flex-1 px-3 md:px-6 pb-8 w-full max-w-240 flex flex-col gap-6">
      <PageHead title={words().settings.title} />
      <ThisBrowser />
      <Server />
      <Accounts />
      <Engines />
    </div>
  );
}

function ThisBrowser() {
  const [theme, setTheme] = createSignal<Theme>(storedTheme());
  const [notified, setNotified] = createSignal(notifies());
  const names: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' };
  return (
    <section class="card p-4 stack" aria-labelledby="browser">
      <h2 id="browser" class="title">
        {words().settings.page}
      </h2>
      <div class="grid sm:grid-cols-2 gap-4">
        <Field label={words().settings.theme}>
          {(ids) => (
            <Select
              ids={ids}
              choices={themes.map((value) => ({ value, label: words().settings.themes[value]! }))}
              value={theme()}
              onChange={(value) => {
                setTheme(value as Theme);
                applyTheme(value as Theme);
              }}
            />
          )}
        </Field>
        <Field label={words().settings.language}>
          {(ids) => (
            <Select
              ids={ids}
              choices={languages.map((value) => ({ value, label: names[value] }))}
              value={language()}
              onChange={(value) => void speak(value as Language)}
            />
          )}
        </Field>
        <label class="row min-h-10 cursor-pointer">
          <input
            type="checkbox"
            class="size-5"
            checked={notified()}
            onChange={({ currentTarget: { checked } }) => void setNotifies(checked).then(setNotified)}
          />
          <span class="text-sm font-medium">{words().settings.notify}</span>
        </label>
      </div>
    </section>
  );
}

function Server() {
  const studio = useStudio();
  const settings = useSettings();
  const status = useStatus();
  const schema = useQuery(() => ({ queryKey: ['settings-schema'], queryFn: () => studio.api.getSettingsSchema() }));
  const [search, setSearch] = createSignal('');
  const all = createMemo(() => fieldsOf(schema.data ?? {}));
  const fields = () => all().filter((field) => isAbout(field, search()));
  const mayChange = () => status.data?.user.role === 'admin';
  const change = async (name: string, value: unknown) => {
    const done = await studio.attempt(() => studio.api.changeSettings({ [name]: value }));
    if (done) studio.say({ kind: 'info', text: words().settings.saved });
  };
  return (
    <section class="card p-4 stack" aria-labelledby="server">
      <h2 id="server" class="title">
        {words().settings.server}
      </h2>
      <input
        type="search"
        class="field-box"
        placeholder={words().create.findSetting}
        aria-label={words().create.findSetting}
        onInput={(event) => setSearch(event.currentTarget.value)}
      />
      <Show when={all().length > 0 && fields().length === 0}>
        <p class="hint">{words().create.noSetting}</p>
      </Show>
      <fieldset class="border-0 p-0 m-0 grid sm:grid-cols-2 gap-4" disabled={!mayChange()}>
        <For each={fields()}>
          {(field) => (
            <ServerSetting
              field={field}
              value={(settings.data as Record<string, unknown> | undefined)?.[field.name]}
              onChange={(value) => void change(field.name, value)}
            />
          )}
        </For>
      </fieldset>
    </section>
  );
}

interface ServerSettingProps {
  readonly field: SettingField;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

function ServerSetting(props: ServerSettingProps) {
  const choices = useChoices(() => props.field.choices);
  return <FieldControl {...props} choices={choices()} onChange={(value) => props.onChange(value ?? '')} />;
}

function Engines() {
  const studio = useStudio();
  const status = useStatus();
  return (
    <section class="card p-4 stack" aria-labelledby="engines">
      <h2 id="engines" class="title">
        {words().settings.engines}
      </h2>
      <ul class="stack">
        <For each={status.data?.engines ?? []}>
          {(engine) => (
            <li class="row flex-wrap">
              <span class="font-medium">{engine.device}</span>
              <span class="hint">
                {engine.state} · {words().settings.memory(fileSize(engine.rss))}
              </span>
            </li>
          )}
        </For>
      </ul>
      <Show when={status.data?.user.role === 'admin'}>
        <button
          type="button"
          class="btn self-start"
          onClick={() => void studio.attempt(() => studio.api.unloadEngines())}
        >
          {words().settings.unload}
        </button>
      </Show>
      <p class="hint">
        {words().settings.version} {status.data?.version} · <a href="/api">{words().settings.api}</a>
      </p>
    </section>
  );
}
