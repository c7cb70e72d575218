import { CopyButton } from '../../ui/copy-button';
import { ErrorNotice, Notice } from '../../ui/notice';
import { type Capability, useModels } from './use-models';

const pulls = {
  completion: { use: 'chat', command: 'ollama pull llama3.2' },
  embedding: { use: 'embeddings', command: 'ollama pull nomic-embed-text' },
};

/** Says why there is no list of models to choose from, and what helps. */
export function ModelNote({ capability }: { capability: Capability }) {
  const { data: models, error, refetch } = useModels(capability);
  if (models && models.length > 0) return null;
  if (!models && !error) return null;
  if (error) {
    return (
      <ErrorNotice
        before="The models cannot be listed, but you can type a model’s name."
        error={error}
        onRetry={() => void refetch()}
      />
    );
  }
  const { use, command } = pulls[capability];
  return (
    <Notice tone="warn" action={<CopyButton wide text={command} label="Copy command" />}>
      Ollama holds no model for {use} yet. On its machine, run <code className="font-mono">{command}</code>.
    </Notice>
  );
}
