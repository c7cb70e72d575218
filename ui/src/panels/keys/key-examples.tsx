import { Fragment, useState } from 'react';
import { apiBase } from '../../api/transport';
import { Select } from '../../ui/select';
import { Snippet } from '../../ui/snippet';
import { serves, useAllowedModels } from '../models/use-models';
import { type Access, clients } from './blocks';

/** Stands for a model where none is known. */
const UNKNOWN = 'YOUR_MODEL';

interface KeyExamplesProps {
  /** The key, or what stands for it. */
  secret: string;
  /** The models that it may use; absent: all that its user may. */
  allowed?: string[];
}

/** How programs call a model with the key. */
export function KeyExamples({ secret, allowed }: KeyExamplesProps) {
  const [chosen, choose] = useClient();
  const { access, isLoading } = useAccess(secret, allowed);
  const offered = clients.filter(({ embeds }) => embeds || !access.embeds);
  const client = offered.find(({ id }) => id === chosen) ?? clients[0];
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex items-center gap-2">
        <span aria-hidden className="shrink-0 text-sm text-fg-2">
          Use it with
        </span>
        <Select
          label="Use it with"
          items={offered.map(({ id, label, detail }) => ({ value: id, label, detail }))}
          value={client.id}
          onChange={choose}
        />
      </div>
      {client.blocks(access).map(({ file, text }) => (
        <Fragment key={`${client.id} ${file}`}>
          {file && (
            <p className="text-xs text-fg-3">
              In <span className="font-mono">{file}</span>:
            </p>
          )}
          <Snippet code={text} label={file ? `Copy ${file}` : `Copy for ${client.label}`} />
        </Fragment>
      ))}
      {client.note && <p className="text-xs text-fg-3">{client.note}</p>}
      {access.model === UNKNOWN && !isLoading && (
        <p className="text-xs text-fg-3">
          <span className="font-mono">{UNKNOWN}</span> stands for the name of a model that the key may use.
        </p>
      )}
    </div>
  );
}

/** What the blocks say: a model that the key may use, one that calls tools, as agents do, or else one that chats. */
function useAccess(key: string, allowed?: string[]): { access: Access; isLoading: boolean } {
  const { data: models = [], isLoading } = useAllowedModels();
  const usable = models.filter(({ name }) => allowed?.includes(name) ?? true);
  const chatty = usable.filter((model) => serves(model, 'completion'));
  const model = chatty.find(({ capabilities }) => capabilities.includes('tools')) ?? chatty[0] ?? usable[0];
  const access = {
    origin: (apiBase || location.origin).replace(/\/$/, ''),
    key,
    model: model?.name ?? allowed?.[0] ?? UNKNOWN,
    embeds: chatty.length === 0 && usable.length > 0,
  };
  return { access, isLoading };
}

const KEPT = 'paddock.client';

/** The client that was chosen last, here or in an earlier visit. */
function useClient(): [string | null, (id: string) => void] {
  const [id, setId] = useState(() => localStorage.getItem(KEPT));
  const choose = (chosen: string) => {
    localStorage.setItem(KEPT, chosen);
    setId(chosen);
  };
  return [id, choose];
}
