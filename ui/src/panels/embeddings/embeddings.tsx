import { useMutation } from '@connectrpc/connect-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Play } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { faultOf } from '../../api/errors';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';
import { Button } from '../../ui/button';
import { ErrorNotice } from '../../ui/notice';
import { Page } from '../../ui/page';
import { useShortcuts } from '../../ui/shortcuts';
import { FaultHelp } from '../models/fault-help';
import { ModelNote } from '../models/model-note';
import { ModelPicker } from '../models/model-picker';
import { useModels } from '../models/use-models';
import { ExportMenu } from './export-menu';
import { Findings } from './findings';
import { Inputs } from './inputs';
import { newInput, type Result, useWorkbench, withInputs, withResult } from './workbench';
import type { Pair } from './vectors';

const none: never[] = [];

/** Texts, their vectors, and how the vectors lie to each other. */
export function Embeddings() {
  const search = useSearch({ from: '/shell/embeddings' });
  const navigate = useNavigate({ from: '/embeddings' });
  const { data: models } = useModels('embedding');
  const model = search.model ?? models?.[0]?.name ?? '';
  const [workbench, setWorkbench] = useWorkbench();
  const [pair, setPair] = useState<Pair>();
  const embed = useMutation(OllamaService.method.embed, { meta: { inPlace: true } });

  const { inputs, result } = workbench;
  const embedded = result?.model === model ? workbench.embedded : none;
  const settled = useDeferredValue(embedded); // typing does not wait for the pictures
  const texts = inputs.map(({ text }) => text).filter((text) => text.trim());
  const lit = pair?.flatMap((index) => settled[index]?.number ?? []) ?? [];

  const change = (changed: typeof inputs) => {
    setPair(undefined);
    setWorkbench((before) => withInputs(before, changed));
  };
  const generate = (input = texts) => {
    if (input.length === 0 || embed.isPending) return;
    const begun = performance.now();
    embed.mutate(
      { model, input },
      {
        onSuccess: ({ embeddings, promptTokens }) => {
          const vectors = new Map(input.map((text, i) => [text, embeddings[i]?.values ?? []]));
          const milliseconds = performance.now() - begun;
          setWorkbench((before) => withResult(before, { model, vectors, promptTokens, milliseconds }));
        },
      },
    );
  };
  const tryExample = (example: string[]) => {
    change(example.map((text) => newInput(text)));
    generate(example);
  };
  useShortcuts({ 'mod+enter': () => generate() });

  return (
    <Page
      title="Embeddings"
      lead="Turn texts into vectors, and see how close they are."
      actions={
        <>
          <ModelPicker
            capability="embedding"
            model={model}
            onChange={(chosen) => void navigate({ search: { model: chosen || undefined }, replace: true })}
          />
          <Button
            look="primary"
            busy={embed.isPending}
            disabled={texts.length === 0}
            onClick={() => generate()}
          >
            <Play aria-hidden />
            {embed.isPending ? 'Generating…' : 'Generate'}
          </Button>
        </>
      }
    >
      <ModelNote capability="embedding" />
      {embed.error && (
        <ErrorNotice
          error={embed.error}
          onRetry={() => generate()}
          help={<FaultHelp reason={faultOf(embed.error).reason} capability="embedding" />}
        />
      )}
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1.15fr)_minmax(0,1fr)]">
        <Inputs
          inputs={inputs}
          embedded={embedded}
          lit={lit}
          onChange={change}
          aside={
            result &&
            embedded.length > 0 && (
              <>
                <Summary result={result} length={embedded[0]!.values.length} />
                <ExportMenu model={model} embedded={embedded} />
              </>
            )
          }
        />
        <Findings
          embedded={settled}
          waiting={embed.isPending}
          pair={pair}
          onPair={setPair}
          onExample={tryExample}
        />
      </div>
    </Page>
  );
}

function Summary({ result, length }: { result: Result; length: number }) {
  return (
    <span role="status">
      {length} dimensions
      <span className="hidden sm:inline">
        {' '}
        · {String(result.promptTokens)} tokens · {Math.round(result.milliseconds)} ms
      </span>
    </span>
  );
}
