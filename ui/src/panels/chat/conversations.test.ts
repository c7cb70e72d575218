import { expect, test, vi } from 'vitest';
import type { Answer, Conversation, Turn } from './conversation';
import { Conversations } from './conversations';

const settings = { model: 'm', system: '', options: {} };
const prompt = (id: string): Turn => ({ id, role: 'user', content: id });
const answer = (id: string, state: Answer['state'] = 'done', content = id): Turn => ({
  id,
  role: 'assistant',
  model: 'm',
  state,
  content,
});

function talk(...turns: Turn[]): Conversation {
  return { ...settings, id: 'c', title: 'Talk', turns, updatedAt: 1 };
}

/** What browsers tell the other tabs. */
function tell() {
  dispatchEvent(new StorageEvent('storage', { key: 'paddock.chat.ada.c' }));
}

const contents = (conversations: Conversations) =>
  conversations.get('c')?.turns.map(({ content }) => content);

test.each(['{', 'null', '{}', '{"id":"c","turns":[]}', '{"id":"c","turns":[null]}'])(
  'an entry that is unreadable is passed over: %s',
  (text) => {
    new Conversations('ada').keep({ ...talk(prompt('q1')), id: 'sound' });
    localStorage.setItem('paddock.chat.ada.c', text);
    expect(new Conversations('ada').all().map(({ id }) => id)).toEqual(['sound']);
  },
);

/** Goes on with the conversation in a tab, and with what else is said of it. */
function goOn(tab: Conversations, turns: Turn[], more: Partial<Conversation> = {}) {
  const conversation = tab.latest('c');
  if (conversation) tab.keep({ ...conversation, turns: [...conversation.turns, ...turns], ...more });
}

test('two tabs that go on with one conversation keep the turns of both', () => {
  new Conversations('ada').keep(talk(prompt('q1'), answer('a1')));
  const [here, there] = [new Conversations('ada'), new Conversations('ada')];
  goOn(there, [prompt('q2'), answer('a2')], { system: 'Be brief.' });
  goOn(here, [prompt('q3'), answer('a3')], { model: 'other' });
  expect(contents(here)).toEqual(['q1', 'a1', 'q2', 'a2', 'q3', 'a3']);
  expect(new Conversations('ada').get('c')).toMatchObject({ model: 'other', system: 'Be brief.' });
});

test('what one tab drops, another that did not touch it does not bring back', () => {
  new Conversations('ada').keep(talk(prompt('q1'), answer('a1'), prompt('q2'), answer('a2')));
  const [here, there] = [new Conversations('ada'), new Conversations('ada')];
  there.keep({ ...there.get('c')!, turns: there.get('c')!.turns.slice(0, 2) });
  goOn(here, [], { system: 'Be brief.' });
  expect(contents(new Conversations('ada'))).toEqual(['q1', 'a1']);
});

test('what one tab deletes, another does not write down again', () => {
  new Conversations('ada').keep(talk(prompt('q1')));
  const [here, there] = [new Conversations('ada'), new Conversations('ada')];
  there.remove('c');
  goOn(here, [answer('a1')]);
  expect(localStorage).toHaveLength(0);
  expect(here.all()).toEqual([]);
});

test('what the browser has no room for is shown, and is gone on with', () => {
  const here = new Conversations('ada');
  here.keep(talk(prompt('q1')));
  const room = localStorage;
  vi.stubGlobal('localStorage', {
    getItem: (name: string) => room.getItem(name),
    setItem: () => {
      throw new Error('full');
    },
  });
  expect(() => goOn(here, [answer('a1')])).toThrow('full');
  expect(() => here.keep({ ...talk(prompt('new')), id: 'new' })).toThrow('full');
  vi.unstubAllGlobals();
  goOn(here, [prompt('q2')]);
  expect(contents(new Conversations('ada'))).toEqual(['q1', 'a1', 'q2']);
  expect(here.latest('new')).toMatchObject({ id: 'new' });
});

test('an answer that runs in another tab is not called stopped', () => {
  const [here, there] = [new Conversations('ada'), new Conversations('ada')];
  there.keep(talk(prompt('q1'), answer('a1', 'running', 'so')));
  tell();
  expect(here.get('c')!.turns.at(-1)).toMatchObject({ state: 'running', content: 'so' });
});

test('an answer whose page was closed is stopped, once its lock is free', async () => {
  const held = new Map<string, Promise<unknown>>();
  const request = async (name: string, run: () => unknown) => {
    const turn = (held.get(name) ?? Promise.resolve()).then(run);
    held.set(name, turn);
    await turn;
  };
  vi.stubGlobal('navigator', { ...navigator, locks: { request } });
  try {
    let close!: () => void;
    const there = new Conversations('ada');
    there.hold('a1', new Promise<void>((resolve) => (close = resolve)));
    there.keep(talk(prompt('q1'), answer('a1', 'running')));
    const here = new Conversations('ada');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(here.get('c')!.turns.at(-1)).toMatchObject({ state: 'running' });
    close();
    await vi.waitFor(() => expect(here.get('c')!.turns.at(-1)).toMatchObject({ state: 'stopped' }));
  } finally {
    vi.unstubAllGlobals();
  }
});

test('closed, it follows other tabs no more', () => {
  const [here, there] = [new Conversations('ada'), new Conversations('ada')];
  here.close();
  there.keep(talk(prompt('q1')));
  tell();
  expect(here.all()).toEqual([]);
});
