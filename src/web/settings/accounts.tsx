/** Accounts (for admins) and the tokens of the one who is signed in. */

import { useQueryClient } from '@tanstack/solid-query';
import { createSignal, For, Show } from 'solid-js';
import { type Role, roles } from '#api/rights';
import { keys } from '../state/keys.ts';
import { useStatus } from '../state/queries.ts';
import { useQuery } from '../state/query.ts';
import { useStudio } from '../state/studio.tsx';
import { Icon } from '../ui/icon.tsx';
import { Select } from '../ui/select.tsx';
import { words } from '../words/index.ts';

export function Accounts() {
  const status = useStatus();
  return (
    <>
      <Show when={status.data?.user.role === 'admin'}>
        <Users />
      </Show>
      <Show when={status.data && status.data.user.name !== 'local'}>
        <Tokens />
      </Show>
    </>
  );
}

function Users() {
  const studio = useStudio();
  const { api } = studio;
  const client = useQueryClient();
  const users = useQuery(() => ({ queryKey: keys.users, queryFn: async () => (await api.listUsers()).users }));
  const change = async (work: () => Promise<unknown>) => {
    const done = await studio.attempt(async () => {
      await work();
      return true;
    });
    await client.invalidateQueries({ queryKey: keys.users });
    return done;
  };
  const roleChoices = () => roles.map((value) => ({ value, label: words().accounts.roles[value] ?? value }));
  return (
    <section class="card p-4 stack" aria-labelledby="accounts">
      <h2 id="accounts" class="title">
        {words().accounts.title}
      </h2>
      <p class="hint">{words().accounts.hint}</p>
      <ul class="stack">
        <For each={users.data ?? []}>
          {(user) => (
            <li class="row flex-wrap">
              <span class="font-medium flex-1 at-least-30">{user.name}</span>
              <Select
                class="w-auto!"
                label={words().accounts.roleOf(user.name)}
                choices={roleChoices()}
                value={user.role}
                onChange={(role) => void change(async () => await api.setRole({ name: user.name, role: role as Role }))}
              />
              <button
                type="button"
                class="btn-danger"
                aria-label={words().accounts.remove(user.name)}
                onClick={() => {
                  if (confirm(words().accounts.sure(user.name)))
                    void change(async () => await api.removeUser({ name: user.name }));
                }}
              >
                <Icon name="trash" />
              </button>
            </li>
          )}
        </For>
      </ul>
      <NewUser roles={roleChoices()} onMake={(user) => change(async () => await api.createUser(user))} />
    </section>
  );
}

interface NewUserProps {
  readonly roles: readonly { readonly value: string; readonly label: string }[];
  readonly onMake: (user: { name: string; role: Role; password?: string }) => Promise<unknown>;
}

function NewUser(props: NewUserProps) {
  const [role, setRole] = createSignal<string>('user');
  const make = async (form: HTMLFormElement) => {
    const text = (name: string) => String(new FormData(form).get(name) ?? '');
    const password = text('password') || undefined;
    if (await props.onMake({ name: text('name').trim(), role: role() as Role, password })) form.reset();
  };
  return (
    <form
      class="row flex-wrap"
      onSubmit={(event) => {
        event.preventDefault();
        void make(event.currentTarget);
      }}
    >
      <input
        name="name"
        required
        class="field-box flex-1 at-least-40"
        autocomplete="off"
        aria-label={words().gate.name}
        placeholder={words().gate.name}
      />
      <input
        name="password"
        type="password"
        class="field-box flex-1 at-least-40"
        autocomplete="new-password"
        aria-label={words().gate.password}
        placeholder={words().gate.password}
      />
      <Select class="w-auto!" label={words().accounts.role} choices={props.roles} value={role()} onChange={setRole} />
      <button type="submit" class="btn">
        {words().accounts.make}
      </button>
    </form>
  );
}

function Tokens() {
  const studio = useStudio();
  const { api } = studio;
  const client = useQueryClient();
  const tokens = useQuery(() => ({ queryKey: keys.tokens, queryFn: async () => (await api.listTokens({})).tokens }));
  const [made, setMade] = createSignal<string>();
  const refresh = async () => await client.invalidateQueries({ queryKey: keys.tokens });
  const issue = async (label: string) => {
    const issued = await studio.attempt(async () => await api.issueToken({ label: label || undefined }));
    setMade(issued?.token);
    await refresh();
  };
  const revoke = async (id: string) => {
    await studio.attempt(async () => await api.revokeToken({ id }));
    await refresh();
  };
  return (
    <section class="card p-4 stack" aria-labelledby="tokens">
      <h2 id="tokens" class="title">
        {words().accounts.tokens}
      </h2>
      <ul class="stack">
        <For each={tokens.data ?? []}>
          {(token) => (
            <li class="row">
              <span class="flex-1 min-w-0 truncate">{token.label}</span>
              <span class="hint">{new Date(token.createdAt).toLocaleDateString()}</span>
              <button type="button" class="btn-danger" onClick={() => void revoke(token.id)}>
                {words().accounts.revoke}
              </button>
            </li>
          )}
        </For>
      </ul>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          const input = event.currentTarget.elements.namedItem('label') as HTMLInputElement;
          void issue(input.value.trim());
          input.value = '';
        }}
      >
        <input
          name="label"
          class="field-box flex-1 at-least-40"
          aria-label={words().accounts.label}
          placeholder={words().accounts.label}
        />
        <button type="submit" class="btn">
          {words().accounts.issue}
        </button>
      </form>
      <Show when={made()}>
        <p role="status">
          {words().accounts.once} <code class="bg-sunk px-2 py-1 rounded break-all">{made()}</code>
        </p>
      </Show>
    </section>
  );
}
