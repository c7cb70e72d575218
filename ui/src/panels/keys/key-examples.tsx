import { useState } from 'react';
import { apiBase } from '../../api/transport';
import { Snippet } from '../../ui/snippet';
import { Tabs } from '../../ui/tabs';
import { serves, useAllowedModels } from '../models/use-models';
import { curl, ollama, openai } from './examples';

type Client = 'curl' | 'openai' | 'ollama';

interface KeyExamplesProps {
  /** The key, or what stands for it. */
  secret: string;
  /** The models that it may use; absent: all that its user may. */
  allowed?: string[];
}

/** How programs call a model with the key. */
export function KeyExamples({ secret, allowed }: KeyExamplesProps) {
  const [client, setClient] = useState<Client>('curl');
  const { data: models = [] } = useAllowedModels();
  const usable = models.filter(({ name }) => allowed?.includes(name) ?? true);
  const chatty = usable.find((model) => serves(model, 'completion'));
  const model = (chatty ?? usable[0])?.name ?? allowed?.[0] ?? 'llama3.2';
  const call = { url: apiBase || location.origin, secret, model, embeds: !chatty && usable.length > 0 };
  return (
    <Tabs
      value={client}
      onChange={setClient}
      tabs={[
        { value: 'curl', label: 'curl', content: <Snippet code={curl(call)} label="Copy for curl" /> },
        {
          value: 'openai',
          label: 'OpenAI',
          content: <Snippet code={openai(call)} label="Copy for OpenAI" />,
        },
        {
          value: 'ollama',
          label: 'Ollama',
          content: (
            <>
              <Snippet code={ollama(call)} label="Copy for Ollama" />
              <p className="-mt-2 text-xs text-fg-3">
                Clients that read OLLAMA_HOST need the key as a header besides. The ollama command itself
                cannot send one.
              </p>
            </>
          ),
        },
      ]}
    />
  );
}
