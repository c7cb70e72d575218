import { Link } from '@tanstack/react-router';
import { Search, SquarePen, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { groupBy } from '../../group';
import { ButtonLink } from '../../ui/button';
import { IconButton } from '../../ui/icon-button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { Input } from '../../ui/field';
import { type Conversation, search } from './conversation';

interface ConversationListProps {
  conversations: Conversation[];
  onDelete: (id: string) => void;
  onNavigate?: () => void;
}

/** This browser's conversations, by age. */
export function ConversationList({ conversations, onDelete, onNavigate }: ConversationListProps) {
  const [query, setQuery] = useState('');
  const [doomed, setDoomed] = useState<Conversation>();
  const [asking, setAsking] = useState(false);
  const found = search(conversations, query);
  const groups = groupBy(found, ({ updatedAt }) => ageOf(updatedAt));

  return (
    <div className="flex min-h-0 w-full flex-1 flex-col gap-2">
      <ButtonLink to="/chat/{-$conversation}" params={{ conversation: undefined }} onClick={onNavigate} wide>
        <SquarePen aria-hidden />
        New conversation
      </ButtonLink>
      {conversations.length > 0 && (
        <Input
          type="search"
          icon={<Search />}
          aria-label="Search conversations"
          placeholder="Search conversations"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
        />
      )}
      <nav aria-label="Conversations" className="min-h-0 flex-1 overflow-y-auto">
        {groups.map(([age, group]) => (
          <section key={age} className="mt-2">
            <h2 className="px-2 py-1 text-xs font-medium text-fg-3">{age}</h2>
            <ul>
              {group.map((conversation) => (
                <li key={conversation.id} className="group relative">
                  <Link
                    to="/chat/{-$conversation}"
                    params={{ conversation: conversation.id }}
                    onClick={onNavigate}
                    className="flex h-control items-center rounded-lg pr-9 pl-2 text-sm text-fg-2 hover:bg-hover aria-[current=page]:bg-active aria-[current=page]:font-medium aria-[current=page]:text-fg"
                  >
                    <span className="truncate">{conversation.title}</span>
                  </Link>
                  <span className="absolute inset-y-0 right-0.5 flex items-center opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
                    <IconButton
                      size="sm"
                      label={`Delete ${conversation.title}`}
                      tip="Delete"
                      icon={<Trash2 />}
                      onClick={() => {
                        setDoomed(conversation);
                        setAsking(true);
                      }}
                    />
                  </span>
                </li>
              ))}
            </ul>
          </section>
        ))}
        {found.length === 0 && (
          <p className="px-2 py-3 text-xs text-fg-3">
            {query
              ? 'No conversation holds these words.'
              : 'Conversations are kept in this browser, and nowhere else.'}
          </p>
        )}
      </nav>
      <ConfirmDialog
        open={asking}
        onClose={() => setAsking(false)}
        title={`Delete “${doomed?.title}”?`}
        action="Delete"
        onConfirm={() => {
          setAsking(false);
          if (doomed) onDelete(doomed.id);
        }}
      >
        It is kept in this browser only, and cannot be brought back.
      </ConfirmDialog>
    </div>
  );
}

const DAY = 86_400_000;

function ageOf(time: number): string {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (time >= midnight) return 'Today';
  if (time >= midnight - DAY) return 'Yesterday';
  if (time >= midnight - 7 * DAY) return 'Previous 7 days';
  return 'Older';
}
