import { wordsOf } from '../../api/errors';
import { CopyButton } from '../../ui/copy-button';
import { ErrorNotice, Notice } from '../../ui/notice';
import { useChatModels } from './models';

const pull = 'ollama pull llama3.2';

/** Says why there is no list of models to choose from, and what helps. */
export function ModelNote() {
  const { data: models, error, refetch } = useChatModels();
  if (models && models.length > 0) return null;
  if (!models && !error) return null;
  return (
    <div className="mx-auto w-full max-w-3xl px-4 pt-4">
      {error ? (
        <ErrorNotice
          error={`The models cannot be listed, but you can type a model’s name. ${wordsOf(error)}`}
          onRetry={() => void refetch()}
        />
      ) : (
        <Notice tone="warn" action={<CopyButton wide text={pull} label="Copy command" />}>
          Ollama holds no model for chat yet. On its machine, run <code className="font-mono">{pull}</code>.
        </Notice>
      )}
    </div>
  );
}
