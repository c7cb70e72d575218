import { useNavigate, useParams } from '@tanstack/react-router';
import { History, MessagesSquare, SquarePen } from 'lucide-react';
import { Fragment, useCallback, useState } from 'react';
import type { Model } from '../../gen/paddock/v1/ollama_pb';
import { ButtonLink } from '../../ui/button';
import { IconButton } from '../../ui/icon-button';
import { EmptyState } from '../../ui/empty-state';
import { Sheet } from '../../ui/sheet';
import { useShortcuts } from '../../ui/shortcuts';
import { ModelNote } from '../models/model-note';
import { ModelPicker } from '../models/model-picker';
import { useModels } from '../models/use-models';
import { Composer } from './composer';
import { ConversationList } from './conversation-list';
import { type Conversation, isRunning, type Settings } from './conversation';
import { SettingsSheet } from './settings-sheet';
import { Thread } from './thread';
import { useChats } from './use-chats';

/** Conversations with models: the list of them, and the one that the address names, or a new one. */
export function Chat() {
  const { conversation: id } = useParams({ from: '/shell/chat/{-$conversation}' });
  const { chats, conversations } = useChats();
  const { data: models } = useModels('completion');
  const navigate = useNavigate();
  const [draft, setDraft] = useState<Partial<Settings>>({});
  const [open, setOpen] = useState<'list' | 'settings'>();
  const [editing, setEditing] = useState<string>();
  const close = () => setOpen(undefined);

  const conversation = conversations.find((one) => one.id === id);
  const usual = { model: usualModel(conversations, models), system: '', options: {} };
  const settings: Settings = conversation ?? { ...usual, ...draft };
  const running = isRunning(conversation);

  const configure = (changed: Settings) => {
    if (id) chats.configure(id, changed);
    else setDraft(changed);
  };
  const goTo = (other?: string) =>
    void navigate({ to: '/chat/{-$conversation}', params: { conversation: other } });
  const send = (prompt: string) => {
    if (id) return chats.ask(id, prompt);
    setDraft({});
    goTo(chats.start(settings, prompt));
  };
  const stop = () => id && chats.stop(id);
  const remove = (removed: string) => {
    chats.remove(removed);
    if (removed === id) goTo();
  };
  const resend = useCallback(
    (turnId: string, content: string) => {
      setEditing(undefined);
      if (id) chats.edit(id, turnId, content);
    },
    [chats, id],
  );
  const retry = useCallback(() => id && chats.retry(id), [chats, id]);

  useShortcuts({ escape: () => running && stop(), 'mod+shift+o': () => goTo() });

  return (
    <div className="flex h-full min-h-0">
      <aside aria-label="Conversations" className="hidden w-60 shrink-0 border-r border-line p-3 lg:flex">
        <ConversationList conversations={conversations} onDelete={remove} />
      </aside>
      <section className="flex min-w-0 flex-1 flex-col">
        <header className="flex min-h-14 shrink-0 flex-wrap items-center gap-x-2 border-b border-line px-3 py-1.5 sm:flex-nowrap sm:px-4">
          <span className="flex lg:hidden">
            <IconButton label="Conversations" icon={<History />} onClick={() => setOpen('list')} />
          </span>
          <h1 className="min-w-0 flex-1 truncate font-medium">{conversation?.title ?? 'New conversation'}</h1>
          <span className="flex lg:hidden">
            <IconButton label="New conversation" icon={<SquarePen />} onClick={() => goTo()} />
          </span>
          {/* On a phone it has a row of its own. */}
          <div className="flex min-w-0 max-sm:basis-full">
            <ModelPicker
              key={id}
              capability="completion"
              model={settings.model}
              onChange={(model) => configure({ ...settings, model })}
            />
          </div>
        </header>
        <div className="mx-auto w-full max-w-3xl px-4 pt-4 empty:hidden">
          <ModelNote capability="completion" />
        </div>
        {id && !conversation ? (
          <Absent />
        ) : (
          <Fragment key={id}>
            <Thread
              chats={chats}
              id={id}
              editing={editing}
              onEdit={setEditing}
              onResend={resend}
              onRetry={retry}
              empty={<Welcome />}
            />
            <Composer
              draft={chats.drafts.get(id ?? '') ?? ''}
              onDraft={(text) => chats.drafts.set(id ?? '', text)}
              model={settings.model}
              running={running}
              onSend={send}
              onStop={stop}
              onEditLast={() => setEditing(conversation?.turns.findLast((turn) => turn.role === 'user')?.id)}
              onSettings={() => setOpen('settings')}
              settings={summary(settings)}
            />
          </Fragment>
        )}
      </section>
      <Sheet side="left" title="Conversations" open={open === 'list'} onClose={close}>
        <ConversationList conversations={conversations} onDelete={remove} onNavigate={close} />
      </Sheet>
      <SettingsSheet open={open === 'settings'} onClose={close} settings={settings} onSave={configure} />
    </div>
  );
}

function Welcome() {
  return (
    <div className="my-auto">
      <EmptyState icon={<MessagesSquare />} title="What would you like to know?">
        Conversations are kept in this browser, and nowhere else. Only the model reads them.
      </EmptyState>
    </div>
  );
}

function Absent() {
  return (
    <EmptyState
      icon={<MessagesSquare />}
      title="This conversation is not in this browser"
      action={
        <ButtonLink to="/chat/{-$conversation}" params={{ conversation: undefined }}>
          Begin a new one
        </ButtonLink>
      }
    >
      Conversations stay in the browser in which they were held, until they are deleted there.
    </EmptyState>
  );
}

/** What a new conversation is held with: the model that was last used in this browser, if it is still to be had. */
function usualModel(conversations: Conversation[], models: Model[] | undefined): string {
  if (!models) return conversations[0]?.model ?? '';
  const listed = new Set(models.map(({ name }) => name));
  const last = conversations.find(({ model }) => listed.has(model))?.model;
  const sure = models.find(({ capabilities }) => capabilities.includes('completion'));
  return last ?? (sure ?? models[0])?.name ?? '';
}

/** What is set, in a few words. */
function summary({ system, options }: Settings): string {
  const parts = [
    system.trim() && 'System prompt',
    options.temperature !== undefined && `temperature ${options.temperature}`,
    options.topP !== undefined && `top P ${options.topP}`,
    options.numPredict !== undefined && `at most ${options.numPredict} tokens`,
    options.numCtx !== undefined && `context ${options.numCtx}`,
    options.seed !== undefined && `seed ${options.seed}`,
    options.stop?.length && 'stop texts',
  ];
  const words = parts.filter(Boolean).join(', ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
